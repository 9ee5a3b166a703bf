CREATE INDEX did_usages_by_time ON did_usages (customer_id, tm_create)
