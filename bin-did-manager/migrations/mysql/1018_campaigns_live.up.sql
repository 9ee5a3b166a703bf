CREATE UNIQUE INDEX did_campaigns_live ON did_campaigns (customer_id, live_key)
