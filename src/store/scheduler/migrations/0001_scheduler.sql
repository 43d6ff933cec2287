-- Times are UTC seconds, run_event.at_ms UTC milliseconds; session is YYYY-MM-DD.
CREATE TABLE job (
  name            TEXT PRIMARY KEY,
  spec_hash       TEXT NOT NULL,
  paused_at       INTEGER,
  paused_by       TEXT,
  paused_reason   TEXT,
  next_tick       INTEGER,
  last_tick       INTEGER,
  failures_in_row INTEGER NOT NULL DEFAULT 0,
  CHECK ((paused_at IS NULL) = (paused_by IS NULL) AND (paused_at IS NULL) = (paused_reason IS NULL))
) STRICT, WITHOUT ROWID;

-- AUTOINCREMENT: a number is never given twice, also after old runs were pruned.
CREATE TABLE run (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  job           TEXT    NOT NULL,
  state         TEXT    NOT NULL CHECK (state IN
                  ('queued', 'running', 'succeeded', 'failed', 'timed_out', 'cancelled', 'skipped', 'lost')),
  trigger       TEXT    NOT NULL,
  actor         TEXT    NOT NULL,
  scheduled_for INTEGER,
  session       TEXT,
  attempt       INTEGER NOT NULL CHECK (attempt >= 1),
  queued_at     INTEGER NOT NULL,
  not_before    INTEGER,
  started_at    INTEGER,
  ended_at      INTEGER,
  error         TEXT,
  failures      INTEGER NOT NULL,
  params        TEXT,
  summary       TEXT,
  boot_id       TEXT    NOT NULL,
  -- A tick that fires twice leads to one run. NULLs differ: a person may ask as often as they like.
  UNIQUE (job, scheduled_for, attempt)
) STRICT;
INSERT INTO sqlite_sequence (name, seq) VALUES ('run', 0);
CREATE INDEX run_by_job ON run (job, id);
CREATE INDEX run_alive ON run (state) WHERE state IN ('queued', 'running');

CREATE TABLE run_event (
  seq    INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id INTEGER NOT NULL REFERENCES run (id) ON DELETE CASCADE,
  at_ms  INTEGER NOT NULL,
  kind   TEXT    NOT NULL,
  text   TEXT    NOT NULL
) STRICT;
CREATE INDEX run_event_by_run ON run_event (run_id, seq);

CREATE TABLE config_audit_log (
  seq    INTEGER PRIMARY KEY AUTOINCREMENT,
  at     INTEGER NOT NULL,
  actor  TEXT    NOT NULL,
  origin TEXT    NOT NULL,
  key    TEXT    NOT NULL,
  old    TEXT    NOT NULL,
  new    TEXT    NOT NULL,
  hash   TEXT    NOT NULL
) STRICT;
