CREATE TABLE IF NOT EXISTS chat_notifications (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    cause_key {exact255} NOT NULL,
    channel {exact64} NOT NULL,
    `to` {varchar255} NOT NULL,
    template {exact64} NOT NULL,
    subject {varchar255} NOT NULL,
    body TEXT NOT NULL,
    data {json} NOT NULL,
    quiet_hours {json} NOT NULL,
    timezone {varchar64} NOT NULL,
    status {exact64} NOT NULL,
    tries INTEGER NOT NULL,
    error_code {exact64} NOT NULL,
    tm_next {time} NULL,
    tm_sent {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS chat_notifications_once ON chat_notifications (customer_id, cause_key);
CREATE INDEX IF NOT EXISTS chat_notifications_by_time ON chat_notifications (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_notifications;
