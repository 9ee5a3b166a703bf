CREATE UNIQUE INDEX did_users_live ON did_users (customer_id, live_key)
