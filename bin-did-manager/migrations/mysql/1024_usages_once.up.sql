CREATE UNIQUE INDEX did_usages_once ON did_usages (request_key)
