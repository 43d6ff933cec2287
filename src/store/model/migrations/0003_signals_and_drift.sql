-- Scans, signals, drift and backtests begin to be written: nothing before this version wrote to the tables that are made
-- anew here.

-- Order statistics of the reference, ascending at equal ranks, f64 each: what the Kolmogorov-Smirnov distance is taken from.
ALTER TABLE drift_baselines ADD COLUMN sketch BLOB NOT NULL DEFAULT x'' CHECK (length(sketch) % 8 = 0);

-- Sessions of the windows that it was calibrated by, which a night's window must have too, and what was added to each bin's count.
ALTER TABLE drift_baselines ADD COLUMN window_sessions INTEGER NOT NULL DEFAULT 63 CHECK (window_sessions > 0);
ALTER TABLE drift_baselines ADD COLUMN smoothing REAL NOT NULL DEFAULT 0.5 CHECK (smoothing >= 0);

DROP TABLE drift_monitoring;

-- What a night made of a subject: a feature, what the model says (`p_buy`, `p_sell`, `mix`), or what that was worth.
CREATE TABLE drift_monitoring (
    model_id   INTEGER NOT NULL REFERENCES model_metadata,
    subject    TEXT NOT NULL,
    -- Session of the night.
    date       TEXT NOT NULL,
    made_at    INTEGER NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('feature', 'data_set', 'prediction', 'performance')),
    rows       INTEGER NOT NULL CHECK (rows >= 0),
    psi        REAL CHECK (psi >= 0),
    kl         REAL CHECK (kl >= 0),
    ks         REAL CHECK (ks BETWEEN 0 AND 1),
    ks_p       REAL CHECK (ks_p BETWEEN 0 AND 1),
    -- Of the calibrated test.
    z          REAL,
    p          REAL CHECK (p BETWEEN 0 AND 1),
    p_adjusted REAL CHECK (p_adjusted BETWEEN 0 AND 1),
    -- Of a performance subject: its value, and the bounds below which it is warned of and critical.
    value      REAL,
    warning    REAL,
    critical   REAL,
    verdict    TEXT NOT NULL CHECK (verdict IN ('insufficient', 'uncalibrated', 'stable', 'warning', 'drifted', 'critical')),
    -- It alarmed in this night.
    alarmed    INTEGER NOT NULL DEFAULT 0 CHECK (alarmed IN (0, 1)),
    note       TEXT NOT NULL DEFAULT '',
    -- Current values by the bins of the baseline, and order statistics of them: f64 each.
    counts     BLOB NOT NULL DEFAULT x'' CHECK (length(counts) % 8 = 0),
    sketch     BLOB NOT NULL DEFAULT x'' CHECK (length(sketch) % 8 = 0),
    PRIMARY KEY (model_id, subject, date),
    CHECK (verdict <> 'insufficient' OR (psi IS NULL AND value IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX drift_monitoring_by_date ON drift_monitoring (date);

-- From the alarm of a subject until enough quiet nights have passed.
CREATE TABLE drift_episodes (
    episode_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id      INTEGER NOT NULL REFERENCES model_metadata,
    subject       TEXT NOT NULL,
    since         TEXT NOT NULL,
    -- The last night that was looked at, so that a night done twice counts once.
    last_night    TEXT NOT NULL CHECK (last_night >= since),
    verdict       TEXT NOT NULL CHECK (verdict IN ('drifted', 'critical')),
    quiet_nights  INTEGER NOT NULL DEFAULT 0 CHECK (quiet_nights >= 0),
    ended         TEXT CHECK (ended >= since),
    acked_at      INTEGER,
    acked_by      TEXT,
    snoozed_until INTEGER,
    -- What follows from a critical verdict was done, once: signals are halted, and a challenger is owed until a run of it is ordered.
    acted         INTEGER NOT NULL DEFAULT 0 CHECK (acted IN (0, 1)),
    challenger    INTEGER NOT NULL DEFAULT 0 CHECK (challenger IN (0, 1)),
    CHECK ((acked_at IS NULL) = (acked_by IS NULL))
) STRICT;

CREATE UNIQUE INDEX drift_episodes_open ON drift_episodes (model_id, subject) WHERE ended IS NULL;

-- A model that may give no new signals, and who let it again.
CREATE TABLE halts (
    halt_id   INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id  INTEGER NOT NULL REFERENCES model_metadata,
    since     INTEGER NOT NULL,
    reason    TEXT NOT NULL,
    lifted_at INTEGER CHECK (lifted_at >= since),
    lifted_by TEXT,
    CHECK ((lifted_at IS NULL) = (lifted_by IS NULL))
) STRICT;

CREATE UNIQUE INDEX halts_open ON halts (model_id) WHERE lifted_at IS NULL;

-- What a night's scan came to. One row a session; a scan done again takes its place.
CREATE TABLE scans (
    date      TEXT PRIMARY KEY,
    made_at   INTEGER NOT NULL,
    -- NULL where nothing was there to ask.
    model_id  INTEGER REFERENCES model_metadata,
    kind      TEXT NOT NULL CHECK (kind IN ('live', 'shadow', 'none')),
    symbols   INTEGER NOT NULL CHECK (symbols >= 0),
    eligible  INTEGER NOT NULL CHECK (eligible BETWEEN 0 AND symbols),
    predicted INTEGER NOT NULL CHECK (predicted BETWEEN 0 AND symbols),
    -- Of this night, also those that an earlier scan of it gave.
    signals   INTEGER NOT NULL CHECK (signals BETWEEN 0 AND symbols),
    words     TEXT NOT NULL,
    -- By symbol, why there is no signal: JSON.
    why_none  TEXT NOT NULL CHECK (json_valid(why_none)),
    CHECK ((kind = 'none') = (model_id IS NULL))
) STRICT, WITHOUT ROWID;

DROP TABLE signal_history;
DROP TABLE signals;

CREATE TABLE signals (
    signal_id     INTEGER PRIMARY KEY AUTOINCREMENT,
    prediction_id INTEGER NOT NULL UNIQUE REFERENCES predictions,
    symbol        TEXT NOT NULL,
    sector        TEXT NOT NULL,
    date          TEXT NOT NULL,
    side          INTEGER NOT NULL CHECK (side IN (0, 2)),
    -- Close of the session of the decision; prices are on the split basis of that night.
    close         REAL NOT NULL CHECK (close > 0),
    -- Last session of the horizon, known from the calendar.
    horizon_end   TEXT NOT NULL CHECK (horizon_end > date),
    -- Distance of the barriers as a fraction of the close; the label's rule fixes it when the entry is known.
    half_width    REAL NOT NULL CHECK (half_width > 0),
    -- The label's rule that it was given by, and that settles it: JSON.
    rule          TEXT NOT NULL CHECK (json_valid(rule)),
    -- The next session's open.
    entry         REAL CHECK (entry > 0),
    state         TEXT NOT NULL CHECK (state IN ('open', 'settled', 'void')),
    -- Why it is void.
    void          TEXT,
    -- What spoke for it, and the nearest past cases: JSON.
    contributions TEXT NOT NULL CHECK (json_valid(contributions)),
    cases         TEXT NOT NULL CHECK (json_valid(cases)),
    CHECK (state <> 'settled' OR entry IS NOT NULL),
    CHECK ((state = 'void') = (void IS NOT NULL))
) STRICT;

-- A symbol with an open signal gets no other.
CREATE UNIQUE INDEX signals_open ON signals (symbol) WHERE state = 'open';
CREATE INDEX signals_by_date ON signals (date);

-- What came of signals: settled by the code that makes the labels.
CREATE TABLE signal_history (
    signal_id    INTEGER PRIMARY KEY REFERENCES signals,
    settled_at   INTEGER NOT NULL,
    -- NULL where both barriers were met in one bar: the stop is taken to have come first.
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

-- What a trade added to equity, as a share of it at the start.
ALTER TABLE trades ADD COLUMN added REAL NOT NULL DEFAULT 0;

-- Backtests: the report of each, and the equity that it came from.
CREATE TABLE backtests (
    run_id   INTEGER PRIMARY KEY REFERENCES training_runs,
    made_at  INTEGER NOT NULL,
    model_id INTEGER NOT NULL REFERENCES model_metadata,
    snapshot TEXT NOT NULL,
    -- The figures: JSON.
    report   TEXT NOT NULL CHECK (json_valid(report)),
    -- Sessions with net, gross and benchmark returns: JSON.
    curve    TEXT NOT NULL CHECK (json_valid(curve))
) STRICT;
