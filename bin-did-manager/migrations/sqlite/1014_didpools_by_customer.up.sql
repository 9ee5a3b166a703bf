CREATE INDEX did_didpools_by_customer ON did_didpools (customer_id, tm_create)
