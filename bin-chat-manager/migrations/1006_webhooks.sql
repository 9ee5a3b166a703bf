CREATE TABLE IF NOT EXISTS chat_webhooks (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    kind {exact64} NOT NULL,
    event_key {exact255} NOT NULL,
    payload TEXT NOT NULL,
    tm_done {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS chat_webhooks_once ON chat_webhooks (event_key);

-- down
DROP TABLE IF EXISTS chat_webhooks;
