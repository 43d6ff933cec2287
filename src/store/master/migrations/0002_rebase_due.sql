-- Set with the change that makes the stored history of a fetched series obsolete (a new split, a vendor that re-based its
-- prices), cleared with the one that replaces all of it: an interrupted re-fetch is taken up by the next run.
ALTER TABLE series_state ADD COLUMN rebase_due INTEGER NOT NULL DEFAULT 0 CHECK (rebase_due IN (0, 1));
