-- The span of the bars of a fetched series that changed, were hidden or shown since its derived series were last made of
-- them, written with the change itself; and how often it grew, so that who derives clears no more than it has seen.
ALTER TABLE series_state ADD COLUMN derive_from INTEGER;
ALTER TABLE series_state ADD COLUMN derive_until INTEGER;
ALTER TABLE series_state ADD COLUMN derive_changes INTEGER NOT NULL DEFAULT 0;
UPDATE series_state SET derive_from = first_ts, derive_until = last_ts + 1 WHERE derived_from IS NULL AND first_ts IS NOT NULL;
