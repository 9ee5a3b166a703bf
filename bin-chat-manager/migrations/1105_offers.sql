CREATE TABLE IF NOT EXISTS chat_offers (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    entry_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    queue_id {uuid} NULL,
    agent_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    status {exact64} NOT NULL,
    expires_at {time} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_offers_by_time ON chat_offers (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_offers;
