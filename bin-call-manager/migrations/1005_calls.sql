CREATE TABLE IF NOT EXISTS exchange_calls (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    call_campaign_id {uuid} NOT NULL,
    direction {exact64} NOT NULL,
    from_number {exact64} NOT NULL,
    to_number {exact64} NOT NULL,
    purpose {exact64} NOT NULL,
    status {exact64} NOT NULL,
    seller_id {uuid} NOT NULL,
    buyer_id {uuid} NULL,
    bid_id {uuid} NULL,
    auction_id {uuid} NULL,
    ping_id {uuid} NULL,
    price {bigint} NULL,
    payout {bigint} NULL,
    currency {exact64} NOT NULL,
    reason {exact64} NOT NULL,
    tags {json} NOT NULL,
    zip {exact64} NOT NULL,
    state {exact64} NOT NULL,
    source {exact64} NOT NULL,
    reference {exact255} NULL,
    destination {exact255} NOT NULL,
    duration_seconds {bigint} NOT NULL,
    hangup_cause {exact255} NOT NULL,
    converted BOOLEAN NULL,
    attempts {json} NOT NULL,
    tm_route {time} NULL,
    tm_answer {time} NULL,
    tm_end {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS exchange_calls_once ON exchange_calls (customer_id, source, reference);
CREATE INDEX IF NOT EXISTS exchange_calls_by_time ON exchange_calls (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_calls_by_buyer ON exchange_calls (buyer_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_calls_by_seller ON exchange_calls (seller_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_calls_by_caller ON exchange_calls (call_campaign_id, from_number, tm_answer);
CREATE INDEX IF NOT EXISTS exchange_calls_by_called ON exchange_calls (call_campaign_id, to_number, tm_answer);
CREATE INDEX IF NOT EXISTS exchange_calls_from ON exchange_calls (customer_id, from_number, tm_create);
CREATE INDEX IF NOT EXISTS exchange_calls_to ON exchange_calls (customer_id, to_number, tm_create);

-- down
DROP TABLE IF EXISTS exchange_calls;
