ALTER TABLE did_usages DROP COLUMN blocked
