CREATE TABLE IF NOT EXISTS outdial_outdials (
    id BINARY(16) NOT NULL,
    customer_id BINARY(16),
    campaign_id BINARY(16),
    name VARCHAR(255),
    detail TEXT,
    data TEXT,
    tm_create DATETIME(6),
    tm_update DATETIME(6),
    tm_delete DATETIME(6),
    PRIMARY KEY (id)
) CHARACTER SET utf8mb4
