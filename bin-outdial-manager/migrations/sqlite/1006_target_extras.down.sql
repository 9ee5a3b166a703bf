ALTER TABLE outdial_outdialtargets DROP COLUMN import_key;
ALTER TABLE outdial_outdialtargets DROP COLUMN refused;
ALTER TABLE outdial_outdialtargets DROP COLUMN winner;
ALTER TABLE outdial_outdialtargets DROP COLUMN refused_until;
ALTER TABLE outdial_outdialtargets DROP COLUMN refusals;
ALTER TABLE outdial_outdialtargets DROP COLUMN lease_until;
