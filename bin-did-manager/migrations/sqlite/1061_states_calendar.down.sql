ALTER TABLE did_states DROP COLUMN calendar
