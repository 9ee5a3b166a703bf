CREATE INDEX did_states_by_customer ON did_states (customer_id)
