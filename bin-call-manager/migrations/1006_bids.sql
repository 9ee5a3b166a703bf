CREATE TABLE IF NOT EXISTS exchange_bids (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    call_id {uuid} NOT NULL,
    auction_id {uuid} NULL,
    call_campaign_id {uuid} NOT NULL,
    buyer_id {uuid} NOT NULL,
    profile_id {uuid} NULL,
    amount {bigint} NOT NULL,
    currency {exact64} NOT NULL,
    effective_bid {bigint} NOT NULL,
    price {bigint} NOT NULL,
    destination {exact255} NOT NULL,
    status {exact64} NOT NULL,
    expires {time} NULL,
    tm_won {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_bids_by_time ON exchange_bids (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_bids_by_call ON exchange_bids (call_id, id);
CREATE INDEX IF NOT EXISTS exchange_bids_by_auction ON exchange_bids (auction_id, id);
CREATE INDEX IF NOT EXISTS exchange_bids_by_buyer ON exchange_bids (buyer_id, tm_create);

-- down
DROP TABLE IF EXISTS exchange_bids;
