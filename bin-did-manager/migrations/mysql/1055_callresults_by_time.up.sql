CREATE INDEX did_callresults_by_time ON did_callresults (customer_id, tm_create)
