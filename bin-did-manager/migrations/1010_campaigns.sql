CREATE TABLE IF NOT EXISTS did_campaigns (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    vicidial_campaign_id {exact64} NOT NULL,
    didpool_id {uuid} NOT NULL,
    rule_id {uuid} NOT NULL,
    hours {json} NOT NULL,
    timezone {exact64} NOT NULL,
    fallback {exact64} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    -- mysql: live_key {exact255} GENERATED ALWAYS AS (CASE WHEN tm_delete IS NULL THEN vicidial_campaign_id END) STORED,
    PRIMARY KEY (id)
) {table};
-- mysql: CREATE UNIQUE INDEX IF NOT EXISTS did_campaigns_live ON did_campaigns (customer_id, live_key);
-- sqlite: CREATE UNIQUE INDEX IF NOT EXISTS did_campaigns_live ON did_campaigns (customer_id, vicidial_campaign_id) WHERE tm_delete IS NULL;

-- down
DROP TABLE IF EXISTS did_campaigns;
