CREATE INDEX did_accesskeys_by_time ON did_accesskeys (customer_id, tm_create)
