CREATE TABLE did_campaigns (
    id BINARY(16) NOT NULL,
    customer_id BINARY(16) NOT NULL,
    name VARCHAR(255) NOT NULL,
    vicidial_campaign_id VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    didpool_id BINARY(16) NOT NULL,
    rule_id BINARY(16) NOT NULL,
    hours JSON NOT NULL,
    timezone VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    fallback VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    tm_create DATETIME(6) NOT NULL,
    tm_update DATETIME(6) NOT NULL,
    tm_delete DATETIME(6) NULL,
    live_key VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin GENERATED ALWAYS AS (CASE WHEN tm_delete IS NULL THEN vicidial_campaign_id END) STORED,
    PRIMARY KEY (id)
) CHARACTER SET utf8mb4
