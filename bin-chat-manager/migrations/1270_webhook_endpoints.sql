CREATE TABLE IF NOT EXISTS chat_webhook_endpoints (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    url TEXT NOT NULL,
    events {json} NOT NULL,
    description {varchar255} NOT NULL,
    enabled BOOLEAN NOT NULL,
    disabled_reason {exact64} NOT NULL,
    secret TEXT NOT NULL,
    previous_secret TEXT NOT NULL,
    tm_previous_end {time} NULL,
    tm_failing_since {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_webhook_endpoints_by_time ON chat_webhook_endpoints (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_webhook_endpoints;
