ALTER TABLE outdial_outdialtargets
    DROP COLUMN lease_until,
    DROP COLUMN refusals,
    DROP COLUMN refused_until,
    DROP COLUMN winner,
    DROP COLUMN refused,
    DROP COLUMN import_key
