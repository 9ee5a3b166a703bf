CREATE INDEX did_usages_by_did ON did_usages (did_id, tm_create)
