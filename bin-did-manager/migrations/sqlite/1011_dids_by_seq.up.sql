CREATE INDEX did_dids_by_seq ON did_dids (customer_id, seq)
