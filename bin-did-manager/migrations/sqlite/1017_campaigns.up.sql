CREATE TABLE did_campaigns (
    id BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    name TEXT NOT NULL,
    vicidial_campaign_id TEXT NOT NULL,
    didpool_id BLOB NOT NULL,
    rule_id BLOB NOT NULL,
    hours TEXT NOT NULL,
    timezone TEXT NOT NULL,
    fallback TEXT NOT NULL,
    tm_create INTEGER NOT NULL,
    tm_update INTEGER NOT NULL,
    tm_delete INTEGER NULL,
    PRIMARY KEY (id)
)
