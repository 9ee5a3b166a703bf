CREATE INDEX did_callresults_in_order ON did_callresults (tm_create)
