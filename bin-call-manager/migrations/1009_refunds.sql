CREATE TABLE IF NOT EXISTS exchange_refunds (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    call_id {uuid} NOT NULL,
    buyer_id {uuid} NOT NULL,
    seller_id {uuid} NOT NULL,
    amount {bigint} NOT NULL,
    reversed {bigint} NOT NULL,
    currency {exact64} NOT NULL,
    reason {varchar255} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_refunds_by_call ON exchange_refunds (call_id);

-- down
DROP TABLE IF EXISTS exchange_refunds;
