ALTER TABLE outdial_outdialtargets
    ADD COLUMN idle_try_0 INTEGER GENERATED ALWAYS AS
        (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_0 IS NOT NULL AND JSON_TYPE(destination_0) <> 'NULL' THEN try_count_0 END) STORED,
    ADD COLUMN idle_try_1 INTEGER GENERATED ALWAYS AS
        (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_1 IS NOT NULL AND JSON_TYPE(destination_1) <> 'NULL' THEN try_count_1 END) STORED,
    ADD COLUMN idle_try_2 INTEGER GENERATED ALWAYS AS
        (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_2 IS NOT NULL AND JSON_TYPE(destination_2) <> 'NULL' THEN try_count_2 END) STORED,
    ADD COLUMN idle_try_3 INTEGER GENERATED ALWAYS AS
        (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_3 IS NOT NULL AND JSON_TYPE(destination_3) <> 'NULL' THEN try_count_3 END) STORED,
    ADD COLUMN idle_try_4 INTEGER GENERATED ALWAYS AS
        (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_4 IS NOT NULL AND JSON_TYPE(destination_4) <> 'NULL' THEN try_count_4 END) STORED
