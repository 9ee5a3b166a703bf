CREATE TABLE IF NOT EXISTS chat_push_subscriptions (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    endpoint TEXT NOT NULL,
    p256dh {exact255} NOT NULL,
    auth TEXT NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_push_subscriptions_by_time ON chat_push_subscriptions (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS chat_push_subscriptions_by_user ON chat_push_subscriptions (customer_id, user_id);

-- down
DROP TABLE IF EXISTS chat_push_subscriptions;
