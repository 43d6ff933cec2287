-- A finding keeps its identity while its span moves: which one a new finding is, the writer decides.
DROP INDEX data_quality_log_known;
CREATE INDEX data_quality_log_known ON data_quality_log (symbol_id, timeframe_id, check_no)
    WHERE resolution IS NULL OR resolution <> 'fixed';
