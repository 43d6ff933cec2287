-- Second edition: what a training run leaves. No program wrote to these tables before, so they are made anew; tables that refer
-- to them do so by name. `at` and names ending in `_at` are UTC seconds.

DROP TABLE model_metadata;
DROP TABLE training_runs;

CREATE TABLE training_runs (
    run_id          INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Number of the train job's run in scheduler.db; NULL without an engine.
    job_run         INTEGER,
    state           TEXT NOT NULL CHECK (state IN ('running', 'promoted', 'shadow', 'rejected', 'failed', 'cancelled', 'lost')),
    started_at      INTEGER NOT NULL,
    -- Its last sign of life.
    saved_at        INTEGER NOT NULL CHECK (saved_at >= started_at),
    ended_at        INTEGER CHECK (ended_at >= started_at),
    -- How often it was taken up again.
    resumed         INTEGER NOT NULL DEFAULT 0 CHECK (resumed >= 0),
    -- The identity: a run goes on only from one that is the same in all of these. `environment_key` names what a fit's bits
    -- depend on of what computes; `environment` tells all of it, for people: JSON.
    profile         TEXT NOT NULL,
    seed            INTEGER NOT NULL CHECK (seed BETWEEN 0 AND 4294967295),
    config_version  INTEGER NOT NULL CHECK (config_version >= 1),
    config_hash     TEXT NOT NULL,
    definition      TEXT NOT NULL,
    snapshot        TEXT NOT NULL,
    environment_key TEXT NOT NULL,
    environment     TEXT NOT NULL CHECK (json_valid(environment)),
    -- How many of the twelve steps are finished.
    step            INTEGER NOT NULL DEFAULT 0 CHECK (step BETWEEN 0 AND 12),
    -- What panes and pages last showed of it: JSON.
    view            TEXT CHECK (json_valid(view)),
    -- Each gate with value, bound, threshold, verdict and a sentence: JSON.
    gates           TEXT CHECK (json_valid(gates)),
    error           TEXT,
    CHECK ((ended_at IS NULL) = (state = 'running')),
    CHECK (state NOT IN ('promoted', 'shadow', 'rejected') OR gates IS NOT NULL),
    CHECK (state <> 'failed' OR error IS NOT NULL)
) STRICT;

-- One run at a time.
CREATE UNIQUE INDEX training_runs_alive ON training_runs (state) WHERE state = 'running';

-- Every configuration that was ever tried, those that failed too: their number, and how their Sharpe ratios vary, deflate
-- that of each later run. Never deleted.
CREATE TABLE trials (
    run_id INTEGER NOT NULL REFERENCES training_runs,
    name   TEXT NOT NULL,
    at     INTEGER NOT NULL,
    -- A session's, not a year's. NULL where it is undefined.
    sharpe REAL,
    PRIMARY KEY (run_id, name)
) STRICT, WITHOUT ROWID;

-- Every look at the locked hold-out, written before it: one without figures was cut short. Never deleted.
CREATE TABLE holdout_readings (
    reading_id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id     INTEGER NOT NULL REFERENCES training_runs,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    first_date TEXT NOT NULL,
    last_date  TEXT NOT NULL CHECK (last_date >= first_date),
    rows       INTEGER NOT NULL CHECK (rows >= 0),
    -- Log loss saved against the prior as a share of it: of three classes, and of BUY against SELL.
    skill      REAL,
    direction  REAL,
    -- Of BUY against SELL.
    auc        REAL CHECK (auc BETWEEN 0 AND 1),
    -- Net, a session's.
    sharpe     REAL
) STRICT;

-- The ensembles and their base models. All models of a run are in the same state: they serve together.
CREATE TABLE model_metadata (
    model_id        INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id          INTEGER NOT NULL REFERENCES training_runs,
    -- Name of the base model, or `ensemble` for the one that makes predictions of the others.
    kind            TEXT NOT NULL,
    state           TEXT NOT NULL CHECK (state IN ('candidate', 'rejected', 'shadow', 'champion', 'retired')),
    state_at        INTEGER NOT NULL,
    state_reason    TEXT NOT NULL,
    created_at      INTEGER NOT NULL,
    -- Last date that it learnt from, and when it stops giving signals.
    trained_to      TEXT NOT NULL CHECK (trained_to IS date(trained_to)),
    expires_at      INTEGER NOT NULL CHECK (expires_at > unixepoch(trained_to)),
    -- Sessions of paper signals that it owes before it may be champion.
    shadow_sessions INTEGER NOT NULL CHECK (shadow_sessions >= 0),
    metrics         TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(metrics)),
    attribution     TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(attribution)),
    UNIQUE (run_id, kind)
) STRICT;

CREATE UNIQUE INDEX model_metadata_champion ON model_metadata (kind) WHERE state = 'champion';

-- Files in the strategy's model folder; those of a run hold all its models. The row of a file goes before the file does.
CREATE TABLE model_files (
    file   TEXT PRIMARY KEY CHECK (length(file) > 0 AND instr(file, '/') = 0 AND substr(file, 1, 1) <> '.'),
    run_id INTEGER NOT NULL REFERENCES training_runs,
    -- Of the whole file, in lower-case hexadecimal digits.
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64 AND sha256 NOT GLOB '*[^0-9a-f]*'),
    bytes  INTEGER NOT NULL CHECK (bytes > 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX model_files_by_run ON model_files (run_id);

-- Who moved which model from where to where, and why. Never deleted.
CREATE TABLE model_changes (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    model_id   INTEGER NOT NULL REFERENCES model_metadata,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    -- NULL for a model that is new.
    from_state TEXT CHECK (from_state IN ('candidate', 'shadow', 'champion', 'retired')),
    to_state   TEXT NOT NULL CHECK (to_state IN ('candidate', 'rejected', 'shadow', 'champion', 'retired')),
    -- `succeeded`: another one took its place. `rolled_back`: it had to make way for the one before it.
    cause      TEXT NOT NULL CHECK (cause IN ('registered', 'judged', 'promoted', 'restored', 'succeeded', 'rolled_back', 'withdrawn')),
    reason     TEXT NOT NULL,
    CHECK ((from_state IS NULL) = (cause = 'registered')),
    CHECK (from_state IS NOT to_state)
) STRICT;

CREATE INDEX model_changes_by_model ON model_changes (model_id);
