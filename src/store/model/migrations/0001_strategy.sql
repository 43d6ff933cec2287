-- The private database of one strategy, first edition. `at` and names ending in `_at` are UTC seconds; `date`, `ex_date` and
-- the like are session dates as ISO 8601 text. Classes of a label are 0 SELL, 1 HOLD, 2 BUY. Blobs are little-endian.

CREATE TABLE db_metadata (
    key        TEXT PRIMARY KEY,
    value      TEXT NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The cache of features: a row a symbol and UTC month. A row id, not WITHOUT ROWID: the blobs are larger than a page.
CREATE TABLE feature_store (
    symbol     TEXT NOT NULL,
    -- First second of the month.
    month      INTEGER NOT NULL,
    -- xxh3-64 of `dates` and `features`: what a reader checks.
    digest     INTEGER NOT NULL,
    -- Hash of the definitions, and the id of the market data that the row was last made of.
    definition TEXT NOT NULL,
    snapshot   TEXT NOT NULL,
    -- Stamps of the bars, i64 each, ascending.
    dates      BLOB NOT NULL CHECK (length(dates) > 0 AND length(dates) % 8 = 0),
    -- Column by column in the order of the registry, f64 each, NaN where missing.
    features   BLOB NOT NULL CHECK (length(features) % length(dates) = 0),
    PRIMARY KEY (symbol, month)
) STRICT;

-- Where the nightly run goes on: what the recursive features remember before `month`. Good while `key`, a hash of all that
-- rows before `month` depend on for every symbol, is what it is now, and every symbol of the strategy has one of that key.
CREATE TABLE feature_checkpoint (
    month  INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    key    INTEGER NOT NULL,
    -- The symbol's own part of the key: it tells whose history changed.
    own    INTEGER NOT NULL,
    -- NULL for a symbol that has too short a history before `month`: it is computed from its first bar.
    state  BLOB,
    -- xxh3-64 of all columns before it: what has rotted is not gone on from.
    digest INTEGER NOT NULL,
    PRIMARY KEY (month, symbol)
) STRICT;

-- Training rows that are kept aside because such days are rare: they can be mixed into training.
CREATE TABLE rare_event_archive (
    symbol      TEXT NOT NULL,
    date        TEXT NOT NULL,
    -- Last session that the label looked at, and the last of its horizon: a fold that must not know it leaves the row out.
    label_end   TEXT NOT NULL CHECK (label_end >= date),
    matured     TEXT NOT NULL CHECK (matured >= label_end),
    class       INTEGER NOT NULL CHECK (class BETWEEN 0 AND 2),
    regime      TEXT NOT NULL,
    -- In the order of the registry, f64 each.
    features    BLOB NOT NULL CHECK (length(features) % 8 = 0),
    -- Hashes of the definitions of the features, and of the rules that the rest of the row depends on.
    definition  TEXT NOT NULL,
    rules       TEXT NOT NULL,
    -- Which rule found it, and what that measured on the day.
    kind        TEXT NOT NULL,
    magnitude   REAL NOT NULL,
    archived_at INTEGER NOT NULL,
    PRIMARY KEY (symbol, date)
) STRICT;

-- Matured samples that a model predicted wrongly, with their rows.
CREATE TABLE error_replay (
    symbol      TEXT NOT NULL,
    date        TEXT NOT NULL,
    label_end   TEXT NOT NULL CHECK (label_end >= date),
    matured     TEXT NOT NULL CHECK (matured >= label_end),
    class       INTEGER NOT NULL CHECK (class BETWEEN 0 AND 2),
    regime      TEXT NOT NULL,
    features    BLOB NOT NULL CHECK (length(features) % 8 = 0),
    definition  TEXT NOT NULL,
    rules       TEXT NOT NULL,
    predicted   INTEGER NOT NULL CHECK (predicted BETWEEN 0 AND 2 AND predicted <> class),
    -- The probability that the model gave to its wrong answer.
    confidence  REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    -- Which model was wrong.
    model       TEXT NOT NULL,
    added_at    INTEGER NOT NULL,
    PRIMARY KEY (symbol, date)
) STRICT;

-- What a sector had to offer, and what came of its signals. One row a sector and night.
CREATE TABLE sector_stats (
    date       TEXT NOT NULL,
    sector     TEXT NOT NULL,
    symbols    INTEGER NOT NULL CHECK (symbols >= 0),
    samples    INTEGER NOT NULL CHECK (samples >= 0),
    sells      INTEGER NOT NULL CHECK (sells >= 0),
    holds      INTEGER NOT NULL CHECK (holds >= 0),
    buys       INTEGER NOT NULL CHECK (buys >= 0),
    signals    INTEGER NOT NULL DEFAULT 0 CHECK (signals >= 0),
    wins       INTEGER NOT NULL DEFAULT 0 CHECK (wins BETWEEN 0 AND signals),
    -- Mean net return of the settled signals.
    net_return REAL,
    PRIMARY KEY (date, sector),
    CHECK (sells + holds + buys = samples)
) STRICT, WITHOUT ROWID;

CREATE TABLE config_audit_log (
    seq     INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    file    TEXT NOT NULL,
    key     TEXT NOT NULL,
    -- NULL where the key was not there before, or is not there any more.
    old     TEXT,
    new     TEXT CHECK (old IS NOT new),
    -- The configuration's own version after the change.
    version TEXT NOT NULL
) STRICT;

CREATE TABLE training_runs (
    run_id         INTEGER PRIMARY KEY AUTOINCREMENT,
    started_at     INTEGER NOT NULL,
    ended_at       INTEGER CHECK (ended_at >= started_at),
    state          TEXT NOT NULL CHECK (state IN ('running', 'promoted', 'rejected', 'failed', 'cancelled', 'lost')),
    profile        TEXT NOT NULL,
    seed           INTEGER NOT NULL,
    config_version TEXT NOT NULL,
    config_hash    TEXT NOT NULL,
    definition     TEXT NOT NULL,
    snapshot       TEXT NOT NULL,
    -- Backend, device, driver and versions of what computes: JSON.
    environment    TEXT NOT NULL CHECK (json_valid(environment)),
    -- The last of the twelve steps that is finished, and for each its state and seconds: JSON.
    step           INTEGER NOT NULL DEFAULT 0 CHECK (step BETWEEN 0 AND 12),
    steps          TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(steps)),
    -- Each gate with value, bound, verdict and a sentence: JSON.
    gates          TEXT CHECK (json_valid(gates)),
    -- How many configurations were tried for this run: it deflates the Sharpe ratio.
    trials         INTEGER NOT NULL DEFAULT 1 CHECK (trials >= 1),
    error          TEXT,
    CHECK ((ended_at IS NULL) = (state = 'running'))
) STRICT;

-- One run at a time.
CREATE UNIQUE INDEX training_runs_alive ON training_runs (state) WHERE state = 'running';

CREATE TABLE model_metadata (
    model_id     INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id       INTEGER NOT NULL REFERENCES training_runs,
    -- Name of the base model, or `ensemble` for the one that makes predictions of the others.
    kind         TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('candidate', 'rejected', 'shadow', 'champion', 'retired')),
    state_at     INTEGER NOT NULL,
    state_reason TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    -- Inside the strategy's model folder, and what it must hash to.
    file         TEXT NOT NULL,
    file_hash    TEXT NOT NULL,
    definition   TEXT NOT NULL,
    config_hash  TEXT NOT NULL,
    metrics      TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metrics)),
    attribution  TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(attribution)),
    UNIQUE (run_id, kind)
) STRICT;

CREATE UNIQUE INDEX model_metadata_champion ON model_metadata (kind) WHERE state = 'champion';

CREATE TABLE predictions (
    prediction_id INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id      INTEGER NOT NULL REFERENCES model_metadata,
    symbol        TEXT NOT NULL,
    date          TEXT NOT NULL,
    -- Made for the night, made by a model without signals, or out of fold for a backtest.
    kind          TEXT NOT NULL CHECK (kind IN ('live', 'shadow', 'fold')),
    fold          INTEGER CHECK ((fold IS NULL) = (kind <> 'fold')),
    made_at       INTEGER NOT NULL,
    p_sell        REAL NOT NULL CHECK (p_sell BETWEEN 0 AND 1),
    p_hold        REAL NOT NULL CHECK (p_hold BETWEEN 0 AND 1),
    p_buy         REAL NOT NULL CHECK (p_buy BETWEEN 0 AND 1),
    decision      INTEGER NOT NULL CHECK (decision BETWEEN 0 AND 2),
    -- Lift of the decision over its prior.
    edge          REAL NOT NULL,
    regime        TEXT NOT NULL,
    snapshot      TEXT NOT NULL,
    UNIQUE (model_id, symbol, date, kind),
    CHECK (abs(p_sell + p_hold + p_buy - 1) < 1e-6)
) STRICT;

CREATE TABLE signals (
    signal_id     INTEGER PRIMARY KEY AUTOINCREMENT,
    prediction_id INTEGER NOT NULL UNIQUE REFERENCES predictions,
    symbol        TEXT NOT NULL,
    date          TEXT NOT NULL,
    side          INTEGER NOT NULL CHECK (side IN (0, 2)),
    -- Last session of the horizon, known from the calendar.
    horizon_end   TEXT NOT NULL CHECK (horizon_end > date),
    -- Half the distance of the barriers, as a fraction of the entry; the entry is the next session's open.
    half_width    REAL NOT NULL CHECK (half_width > 0),
    entry         REAL CHECK (entry > 0),
    state         TEXT NOT NULL CHECK (state IN ('open', 'settled', 'void')),
    -- What spoke for it, and the nearest past cases: JSON.
    contributions TEXT NOT NULL CHECK (json_valid(contributions)),
    cases         TEXT NOT NULL CHECK (json_valid(cases)),
    CHECK (state <> 'settled' OR entry IS NOT NULL)
) STRICT;

-- A symbol with an open signal gets no other.
CREATE UNIQUE INDEX signals_open ON signals (symbol) WHERE state = 'open';

-- What came of signals: settled by the code that makes the labels.
CREATE TABLE signal_history (
    signal_id    INTEGER PRIMARY KEY REFERENCES signals,
    settled_at   INTEGER NOT NULL,
    -- NULL where both barriers were met in one bar.
    class        INTEGER CHECK (class BETWEEN 0 AND 2),
    reason       TEXT NOT NULL CHECK (reason IN ('upper', 'lower', 'gap_up', 'gap_down', 'horizon', 'ambiguous')),
    exit_date    TEXT NOT NULL,
    exit_price   REAL NOT NULL CHECK (exit_price > 0),
    bars_held    INTEGER NOT NULL CHECK (bars_held >= 1),
    gross_return REAL NOT NULL,
    cost         REAL NOT NULL CHECK (cost >= 0),
    net_return   REAL NOT NULL,
    CHECK ((class IS NULL) = (reason = 'ambiguous'))
) STRICT;

-- The positions of a backtest, from predictions that their models did not learn from.
CREATE TABLE trades (
    run_id       INTEGER NOT NULL REFERENCES training_runs,
    symbol       TEXT NOT NULL,
    date         TEXT NOT NULL,
    fold         INTEGER NOT NULL,
    side         INTEGER NOT NULL CHECK (side IN (0, 2)),
    regime       TEXT NOT NULL,
    entry_date   TEXT NOT NULL CHECK (entry_date > date),
    entry        REAL NOT NULL CHECK (entry > 0),
    exit_date    TEXT NOT NULL CHECK (exit_date >= entry_date),
    exit_price   REAL NOT NULL CHECK (exit_price > 0),
    reason       TEXT NOT NULL CHECK (reason IN ('upper', 'lower', 'gap_up', 'gap_down', 'horizon', 'ambiguous')),
    bars_held    INTEGER NOT NULL CHECK (bars_held >= 1),
    weight       REAL NOT NULL CHECK (weight >= 0),
    gross_return REAL NOT NULL,
    cost         REAL NOT NULL CHECK (cost >= 0),
    net_return   REAL NOT NULL,
    PRIMARY KEY (run_id, symbol, date)
) STRICT, WITHOUT ROWID;

-- The reference distributions, frozen with the model.
CREATE TABLE drift_baselines (
    model_id  INTEGER NOT NULL REFERENCES model_metadata,
    -- A feature's name, or `p_buy`, `p_sell`, `mix`, `skill`.
    subject   TEXT NOT NULL,
    frozen_at INTEGER NOT NULL,
    rows      INTEGER NOT NULL CHECK (rows > 0),
    missing   INTEGER NOT NULL CHECK (missing BETWEEN 0 AND rows),
    -- Bin edges and counts, f64 each; the last count is that of missing values.
    edges     BLOB NOT NULL CHECK (length(edges) % 8 = 0),
    counts    BLOB NOT NULL CHECK (length(counts) = length(edges) + 16),
    -- ln PSI of windows of the reference period: how many, their mean and standard deviation.
    windows   INTEGER NOT NULL CHECK (windows >= 0),
    mean      REAL,
    deviation REAL CHECK (deviation >= 0),
    PRIMARY KEY (model_id, subject),
    CHECK ((windows < 2) = (deviation IS NULL))
) STRICT;

CREATE TABLE drift_monitoring (
    date          TEXT NOT NULL,
    model_id      INTEGER NOT NULL REFERENCES model_metadata,
    subject       TEXT NOT NULL,
    rows          INTEGER NOT NULL CHECK (rows >= 0),
    psi           REAL CHECK (psi >= 0),
    kl            REAL CHECK (kl >= 0),
    ks            REAL CHECK (ks BETWEEN 0 AND 1),
    ks_p          REAL CHECK (ks_p BETWEEN 0 AND 1),
    -- Of the calibrated test.
    z             REAL,
    p             REAL CHECK (p BETWEEN 0 AND 1),
    verdict       TEXT NOT NULL CHECK (verdict IN ('insufficient', 'stable', 'warning', 'drifted', 'critical')),
    alarmed       INTEGER NOT NULL DEFAULT 0 CHECK (alarmed IN (0, 1)),
    acked_at      INTEGER,
    acked_by      TEXT,
    snoozed_until INTEGER,
    PRIMARY KEY (model_id, subject, date),
    CHECK ((acked_at IS NULL) = (acked_by IS NULL)),
    CHECK ((verdict = 'insufficient') = (psi IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX drift_monitoring_by_date ON drift_monitoring (date);
