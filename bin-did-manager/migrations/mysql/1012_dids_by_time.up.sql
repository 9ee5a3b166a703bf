CREATE INDEX did_dids_by_time ON did_dids (customer_id, tm_create)
