-- The master database, first edition. All stamps are UTC seconds; dates are ISO 8601 text.

CREATE TABLE db_metadata (
    key        TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE symbol (
    symbol_id INTEGER PRIMARY KEY,
    symbol    TEXT NOT NULL UNIQUE,
    asset     TEXT NOT NULL CHECK (asset IN ('stock', 'crypto')),
    name      TEXT,
    -- Position in the universe; NULL when the symbol is not under care.
    position  INTEGER
) STRICT;

CREATE TABLE timeframe (
    timeframe_id INTEGER PRIMARY KEY,
    name         TEXT NOT NULL UNIQUE,
    seconds      INTEGER NOT NULL
) STRICT;

INSERT INTO timeframe VALUES
    (1, '1m', 60), (2, '2m', 120), (3, '3m', 180), (4, '5m', 300), (5, '10m', 600), (6, '15m', 900),
    (7, '20m', 1200), (8, '30m', 1800), (9, '1h', 3600), (10, '90m', 5400), (11, '2h', 7200), (12, '3h', 10800),
    (13, '4h', 14400), (14, '8h', 28800), (15, '1d', 86400), (16, '1w', 604800), (17, '1mo', 2592000);

CREATE TABLE source (
    source_id INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE
) STRICT;

INSERT INTO source VALUES (1, 'ib'), (2, 'yahoo'), (3, 'sim'), (4, 'file');

-- No foreign keys here: four parent look-ups a row would halve the rate of the only hot table. One thread writes it,
-- and `nightdesk verify` looks for orphans.
CREATE TABLE candle (
    symbol_id    INTEGER NOT NULL,
    timeframe_id INTEGER NOT NULL,
    ts           INTEGER NOT NULL,
    open         REAL NOT NULL,
    high         REAL NOT NULL,
    low          REAL NOT NULL,
    close        REAL NOT NULL,
    volume       REAL,
    source_id    INTEGER NOT NULL,
    ingest_id    INTEGER NOT NULL,
    final        INTEGER NOT NULL,
    quarantined  INTEGER NOT NULL,
    PRIMARY KEY (symbol_id, timeframe_id, ts)
) STRICT, WITHOUT ROWID;

CREATE VIEW candles AS
    SELECT s.symbol, t.name AS timeframe, datetime(c.ts, 'unixepoch') AS time, c.ts,
           c.open, c.high, c.low, c.close, c.volume, o.name AS source, c.ingest_id, c.final, c.quarantined
    FROM candle c
    JOIN symbol s USING (symbol_id)
    JOIN timeframe t USING (timeframe_id)
    JOIN source o USING (source_id);

CREATE TABLE series_state (
    symbol_id     INTEGER NOT NULL REFERENCES symbol,
    timeframe_id  INTEGER NOT NULL REFERENCES timeframe,
    first_ts      INTEGER,
    last_ts       INTEGER,
    last_final_ts INTEGER,
    rows          INTEGER NOT NULL DEFAULT 0,
    source_id     INTEGER REFERENCES source,
    derived_from  INTEGER REFERENCES timeframe,
    attempted_at  INTEGER,
    succeeded_at  INTEGER,
    gaps          INTEGER NOT NULL DEFAULT 0,
    error         TEXT,
    blocked       TEXT,
    PRIMARY KEY (symbol_id, timeframe_id)
) STRICT, WITHOUT ROWID;

-- `sum` is the wrapping sum of the xxh3-64 of every row's canonical bytes, so that rows may come and go in any order.
CREATE TABLE series_digest (
    symbol_id    INTEGER NOT NULL REFERENCES symbol,
    timeframe_id INTEGER NOT NULL REFERENCES timeframe,
    month        INTEGER NOT NULL,
    n            INTEGER NOT NULL,
    sum          INTEGER NOT NULL,
    PRIMARY KEY (symbol_id, timeframe_id, month)
) STRICT, WITHOUT ROWID;

CREATE TABLE series_source (
    symbol_id    INTEGER NOT NULL REFERENCES symbol,
    timeframe_id INTEGER NOT NULL REFERENCES timeframe,
    source_id    INTEGER NOT NULL REFERENCES source,
    rows         INTEGER NOT NULL,
    PRIMARY KEY (symbol_id, timeframe_id, source_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE empty_span (
    symbol_id    INTEGER NOT NULL REFERENCES symbol,
    timeframe_id INTEGER NOT NULL REFERENCES timeframe,
    source_id    INTEGER NOT NULL REFERENCES source,
    start_ts     INTEGER NOT NULL,
    end_ts       INTEGER NOT NULL CHECK (end_ts > start_ts),
    asked_at     INTEGER NOT NULL,
    times        INTEGER NOT NULL,
    PRIMARY KEY (symbol_id, timeframe_id, source_id, start_ts)
) STRICT, WITHOUT ROWID;

CREATE TABLE splits (
    symbol_id   INTEGER NOT NULL REFERENCES symbol,
    ex_date     TEXT NOT NULL,
    numerator   REAL NOT NULL CHECK (numerator > 0),
    denominator REAL NOT NULL CHECK (denominator > 0),
    source_id   INTEGER NOT NULL REFERENCES source,
    ingest_id   INTEGER NOT NULL,
    PRIMARY KEY (symbol_id, ex_date)
) STRICT, WITHOUT ROWID;

CREATE TABLE dividends (
    symbol_id INTEGER NOT NULL REFERENCES symbol,
    ex_date   TEXT NOT NULL,
    amount    REAL NOT NULL CHECK (amount >= 0),
    source_id INTEGER NOT NULL REFERENCES source,
    ingest_id INTEGER NOT NULL,
    PRIMARY KEY (symbol_id, ex_date)
) STRICT, WITHOUT ROWID;

CREATE TABLE fundamentals (
    symbol_id                 INTEGER NOT NULL REFERENCES symbol,
    date                      TEXT NOT NULL,
    source_id                 INTEGER NOT NULL REFERENCES source,
    market_cap                REAL,
    enterprise_value          REAL,
    trailing_pe               REAL,
    forward_pe                REAL,
    peg_ratio                 REAL,
    price_to_book             REAL,
    price_to_sales            REAL,
    enterprise_to_revenue     REAL,
    enterprise_to_ebitda      REAL,
    profit_margin             REAL,
    operating_margin          REAL,
    return_on_assets          REAL,
    return_on_equity          REAL,
    revenue                   REAL,
    revenue_per_share         REAL,
    quarterly_revenue_growth  REAL,
    gross_profit              REAL,
    ebitda                    REAL,
    net_income                REAL,
    diluted_eps               REAL,
    quarterly_earnings_growth REAL,
    total_cash                REAL,
    total_cash_per_share      REAL,
    total_debt                REAL,
    debt_to_equity            REAL,
    current_ratio             REAL,
    book_value_per_share      REAL,
    operating_cash_flow       REAL,
    levered_free_cash_flow    REAL,
    beta                      REAL,
    fifty_two_week_change     REAL,
    short_ratio               REAL,
    short_percent_of_float    REAL,
    shares_short              REAL,
    shares_outstanding        REAL,
    dividend_yield            REAL,
    payout_ratio              REAL,
    notes                     TEXT NOT NULL DEFAULT '[]',
    PRIMARY KEY (symbol_id, date)
) STRICT, WITHOUT ROWID;

CREATE TABLE symbol_metadata (
    symbol_id        INTEGER PRIMARY KEY REFERENCES symbol,
    name             TEXT,
    sector           TEXT,
    industry         TEXT,
    country          TEXT,
    city             TEXT,
    website          TEXT,
    summary          TEXT,
    employees        INTEGER,
    exchange         TEXT,
    currency         TEXT,
    quote_type       TEXT,
    first_trade_date TEXT,
    time_zone        TEXT,
    ib_contract_id   INTEGER,
    source_id        INTEGER NOT NULL REFERENCES source,
    updated_at       INTEGER NOT NULL
) STRICT;

-- A row holds from `effective_date` up to, not including, `end_date`.
CREATE TABLE sector_mappings (
    symbol_id      INTEGER NOT NULL REFERENCES symbol,
    effective_date TEXT NOT NULL,
    end_date       TEXT CHECK (end_date > effective_date),
    sector         TEXT NOT NULL,
    PRIMARY KEY (symbol_id, effective_date)
) STRICT, WITHOUT ROWID;

CREATE TABLE facet_read (
    symbol_id INTEGER NOT NULL REFERENCES symbol,
    facet     TEXT NOT NULL CHECK (facet IN ('actions', 'fundamentals', 'metadata')),
    source_id INTEGER NOT NULL REFERENCES source,
    read_at   INTEGER NOT NULL,
    PRIMARY KEY (symbol_id, facet)
) STRICT, WITHOUT ROWID;

CREATE TABLE ib_contract (
    symbol_id   INTEGER PRIMARY KEY REFERENCES symbol,
    con_id      INTEGER NOT NULL,
    resolved_at INTEGER NOT NULL
) STRICT;

CREATE TABLE ingest_runs (
    run_id     INTEGER PRIMARY KEY,
    started_at INTEGER NOT NULL,
    ended_at   INTEGER,
    state      TEXT NOT NULL CHECK (state IN ('running', 'succeeded', 'partial', 'failed', 'cancelled', 'lost')),
    spec       TEXT NOT NULL,
    summary    TEXT,
    error      TEXT
) STRICT;

CREATE TABLE ingest_attempts (
    attempt_id   INTEGER PRIMARY KEY,
    run_id       INTEGER NOT NULL,
    at           INTEGER NOT NULL,
    symbol_id    INTEGER NOT NULL REFERENCES symbol,
    timeframe_id INTEGER NOT NULL REFERENCES timeframe,
    source_id    INTEGER NOT NULL REFERENCES source,
    start_ts     INTEGER NOT NULL,
    end_ts       INTEGER NOT NULL,
    outcome      TEXT NOT NULL,
    bars         INTEGER NOT NULL,
    millis       INTEGER NOT NULL,
    message      TEXT
) STRICT;

CREATE INDEX ingest_attempts_of_series ON ingest_attempts (symbol_id, timeframe_id, attempt_id);

CREATE TABLE data_quality_log (
    issue_id     INTEGER PRIMARY KEY,
    opened_at    INTEGER NOT NULL,
    run_id       INTEGER,
    check_no     INTEGER NOT NULL CHECK (check_no BETWEEN 0 AND 255),
    severity     TEXT NOT NULL CHECK (severity IN ('I', 'W', 'E', 'C')),
    symbol_id    INTEGER NOT NULL REFERENCES symbol,
    timeframe_id INTEGER NOT NULL REFERENCES timeframe,
    -- Both NULL when the finding is about the series as a whole.
    from_ts      INTEGER,
    to_ts        INTEGER CHECK ((from_ts IS NULL) = (to_ts IS NULL) AND to_ts >= from_ts),
    message      TEXT NOT NULL,
    resolved_at  INTEGER,
    resolution   TEXT CHECK (resolution IN ('accepted', 'fixed', 'dismissed')),
    note         TEXT,
    CHECK ((resolved_at IS NULL) = (resolution IS NULL))
) STRICT;

-- A finding is known while it is open, and for ever once an operator settled it; only a fixed one can come back.
CREATE UNIQUE INDEX data_quality_log_known ON data_quality_log
    (symbol_id, timeframe_id, check_no, ifnull(from_ts, 0), ifnull(to_ts, -1))
    WHERE resolution IS NULL OR resolution <> 'fixed';
