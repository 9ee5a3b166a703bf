CREATE TABLE IF NOT EXISTS exchange_bid_profiles (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    buyer_id {uuid} NOT NULL,
    call_campaign_id {uuid} NULL,
    amount {bigint} NULL,
    currency {exact64} NOT NULL,
    criteria {json} NOT NULL,
    priority INTEGER NULL,
    weight INTEGER NULL,
    endpoint {json} NOT NULL,
    endpoint_headers {mediumtext} NOT NULL,
    destination {exact255} NOT NULL,
    active BOOLEAN NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_bid_profiles_by_time ON exchange_bid_profiles (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_bid_profiles_by_campaign ON exchange_bid_profiles (customer_id, call_campaign_id, active, tm_delete, tm_update);

-- down
DROP TABLE IF EXISTS exchange_bid_profiles;
