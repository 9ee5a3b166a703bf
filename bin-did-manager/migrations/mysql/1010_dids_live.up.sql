CREATE UNIQUE INDEX did_dids_live ON did_dids (customer_id, live_key)
