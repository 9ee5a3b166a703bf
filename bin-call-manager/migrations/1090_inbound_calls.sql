CREATE TABLE IF NOT EXISTS exchange_inbound_calls (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    phone_number_id {uuid} NOT NULL,
    provider_id {uuid} NOT NULL,
    call_sid {exact64} NOT NULL,
    from_number {exact64} NOT NULL,
    to_number {exact64} NOT NULL,
    forward_target {exact64} NOT NULL,
    status {exact64} NOT NULL,
    reason {exact64} NOT NULL,
    duration_seconds INTEGER NOT NULL,
    tm_ended {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS exchange_inbound_calls_once ON exchange_inbound_calls (provider_id, call_sid);
CREATE INDEX IF NOT EXISTS exchange_inbound_calls_by_time ON exchange_inbound_calls (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS exchange_inbound_calls;
