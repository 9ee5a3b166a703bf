CREATE INDEX did_usages_in_order ON did_usages (tm_create, id)
