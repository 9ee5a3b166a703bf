ALTER TABLE outdial_outdialtargets DROP COLUMN idle_try_4;
ALTER TABLE outdial_outdialtargets DROP COLUMN idle_try_3;
ALTER TABLE outdial_outdialtargets DROP COLUMN idle_try_2;
ALTER TABLE outdial_outdialtargets DROP COLUMN idle_try_1;
ALTER TABLE outdial_outdialtargets DROP COLUMN idle_try_0;
