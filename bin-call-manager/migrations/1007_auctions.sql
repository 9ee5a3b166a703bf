CREATE TABLE IF NOT EXISTS exchange_auctions (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    call_id {uuid} NOT NULL,
    call_campaign_id {uuid} NOT NULL,
    seller_id {uuid} NOT NULL,
    form {exact64} NOT NULL,
    reserve {bigint} NOT NULL,
    increment {bigint} NOT NULL,
    currency {exact64} NOT NULL,
    soft_close_ms {bigint} NOT NULL,
    status {exact64} NOT NULL,
    tm_end {time} NOT NULL,
    tm_end_max {time} NOT NULL,
    bid_id {uuid} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_auctions_by_time ON exchange_auctions (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_auctions_by_call ON exchange_auctions (call_id);

-- down
DROP TABLE IF EXISTS exchange_auctions;
