CREATE UNIQUE INDEX did_campaigns_live ON did_campaigns (customer_id, vicidial_campaign_id) WHERE tm_delete IS NULL
