ALTER TABLE did_usages ADD COLUMN call_id_ref BIGINT NULL
