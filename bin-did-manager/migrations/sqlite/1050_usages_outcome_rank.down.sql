ALTER TABLE did_usages DROP COLUMN outcome_rank
