ALTER TABLE outdial_outdialtargets ADD COLUMN idle_try_0 INTEGER GENERATED ALWAYS AS
    (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_0 IS NOT NULL AND json_type(destination_0) <> 'null' THEN try_count_0 END) VIRTUAL;
ALTER TABLE outdial_outdialtargets ADD COLUMN idle_try_1 INTEGER GENERATED ALWAYS AS
    (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_1 IS NOT NULL AND json_type(destination_1) <> 'null' THEN try_count_1 END) VIRTUAL;
ALTER TABLE outdial_outdialtargets ADD COLUMN idle_try_2 INTEGER GENERATED ALWAYS AS
    (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_2 IS NOT NULL AND json_type(destination_2) <> 'null' THEN try_count_2 END) VIRTUAL;
ALTER TABLE outdial_outdialtargets ADD COLUMN idle_try_3 INTEGER GENERATED ALWAYS AS
    (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_3 IS NOT NULL AND json_type(destination_3) <> 'null' THEN try_count_3 END) VIRTUAL;
ALTER TABLE outdial_outdialtargets ADD COLUMN idle_try_4 INTEGER GENERATED ALWAYS AS
    (CASE WHEN status = 'idle' AND tm_delete IS NULL AND lease_until IS NULL AND destination_4 IS NOT NULL AND json_type(destination_4) <> 'null' THEN try_count_4 END) VIRTUAL;
