ALTER TABLE did_usages DROP COLUMN call_id_ref
