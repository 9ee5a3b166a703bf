CREATE TABLE IF NOT EXISTS exchange_pings (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    call_campaign_id {uuid} NOT NULL,
    seller_id {uuid} NOT NULL,
    from_number {exact64} NOT NULL,
    expose_caller_id BOOLEAN NOT NULL,
    zip {exact64} NOT NULL,
    state {exact64} NOT NULL,
    tags {json} NOT NULL,
    digest {exact64} NOT NULL,
    status {exact64} NOT NULL,
    amount {bigint} NOT NULL,
    currency {exact64} NOT NULL,
    destination {exact255} NOT NULL,
    reject_reason {varchar255} NOT NULL,
    reject_code INTEGER NULL,
    answers {json} NOT NULL,
    dropped {json} NOT NULL,
    call_id {uuid} NULL,
    told_bid_id {uuid} NULL,
    expires {time} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_pings_by_time ON exchange_pings (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_pings_same ON exchange_pings (customer_id, digest, expires);
CREATE INDEX IF NOT EXISTS exchange_pings_by_caller ON exchange_pings (customer_id, from_number, expires);
CREATE INDEX IF NOT EXISTS exchange_pings_old ON exchange_pings (call_id, expires);

-- down
DROP TABLE IF EXISTS exchange_pings;
