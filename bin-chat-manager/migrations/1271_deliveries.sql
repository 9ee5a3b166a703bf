CREATE TABLE IF NOT EXISTS chat_deliveries (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    webhook_endpoint_id {uuid} NOT NULL,
    webhook_id {exact64} NOT NULL,
    event_type {exact64} NOT NULL,
    payload {mediumtext} NOT NULL,
    status {exact64} NOT NULL,
    tries INTEGER NOT NULL,
    attempts {json} NOT NULL,
    error_code {exact64} NOT NULL,
    tm_next {time} NULL,
    tm_delivered {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS chat_deliveries_once ON chat_deliveries (webhook_endpoint_id, webhook_id);
CREATE INDEX IF NOT EXISTS chat_deliveries_by_time ON chat_deliveries (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_deliveries;
