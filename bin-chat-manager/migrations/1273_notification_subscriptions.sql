CREATE TABLE IF NOT EXISTS chat_notification_subscriptions (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    event_type {exact64} NOT NULL,
    channel {exact64} NOT NULL,
    `to` {varchar255} NOT NULL,
    template {exact64} NOT NULL,
    quiet_hours {json} NOT NULL,
    timezone {varchar64} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_notification_subscriptions_by_time ON chat_notification_subscriptions (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS chat_notification_subscriptions_by_type ON chat_notification_subscriptions (customer_id, event_type);

-- down
DROP TABLE IF EXISTS chat_notification_subscriptions;
