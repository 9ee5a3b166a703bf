CREATE TABLE IF NOT EXISTS exchange_call_campaigns (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    seller_id {uuid} NOT NULL,
    currency {exact64} NOT NULL,
    numbers {json} NOT NULL,
    countries {json} NOT NULL,
    ping_ms {bigint} NOT NULL,
    ring_seconds {bigint} NOT NULL,
    max_attempts {bigint} NOT NULL,
    strategy {exact64} NOT NULL,
    quality_weight {double} NOT NULL,
    auction {json} NOT NULL,
    payout {bigint} NULL,
    revenue {bigint} NULL,
    conversion {json} NOT NULL,
    duplicates {json} NOT NULL,
    require_consent BOOLEAN NOT NULL,
    fraud {json} NOT NULL,
    hours {json} NOT NULL,
    timezone {exact64} NOT NULL,
    whisper TEXT NOT NULL,
    carrier_account {exact64} NOT NULL,
    carrier_token {mediumtext} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_call_campaigns_by_time ON exchange_call_campaigns (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS exchange_call_campaigns;
