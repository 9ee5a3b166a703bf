CREATE INDEX did_usages_by_phone ON did_usages (phone_hash, tm_create)
