ALTER TABLE outdial_outdialtargets ADD COLUMN lease_until INTEGER;
ALTER TABLE outdial_outdialtargets ADD COLUMN refusals INTEGER NOT NULL DEFAULT 0;
ALTER TABLE outdial_outdialtargets ADD COLUMN refused_until INTEGER;
ALTER TABLE outdial_outdialtargets ADD COLUMN winner TEXT;
ALTER TABLE outdial_outdialtargets ADD COLUMN refused TEXT;
ALTER TABLE outdial_outdialtargets ADD COLUMN import_key TEXT;
