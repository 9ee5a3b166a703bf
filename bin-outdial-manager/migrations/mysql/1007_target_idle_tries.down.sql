ALTER TABLE outdial_outdialtargets
    DROP COLUMN idle_try_0,
    DROP COLUMN idle_try_1,
    DROP COLUMN idle_try_2,
    DROP COLUMN idle_try_3,
    DROP COLUMN idle_try_4
