-- On what the run's answers out of fold were given: test blocks with the proof of their purge, sides that give no signals, and
-- the hash of the rules of labels: JSON. NULL before there were answers. A backtest refuses predictions that do not agree.
ALTER TABLE training_runs ADD COLUMN tested TEXT CHECK (json_valid(tested));
