CREATE TABLE IF NOT EXISTS chat_sessions (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    widget_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    visitor {json} NOT NULL,
    expires_at {time} NOT NULL,
    tm_end {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_sessions_of_conversation ON chat_sessions (conversation_id);

-- down
DROP TABLE IF EXISTS chat_sessions;
