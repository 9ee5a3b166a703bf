CREATE TABLE IF NOT EXISTS chat_messages (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    seq {bigint} NOT NULL,
    kind {exact64} NOT NULL,
    direction {exact64} NOT NULL,
    sender {exact64} NOT NULL,
    sender_id {uuid} NULL,
    body TEXT NOT NULL,
    status {exact64} NOT NULL,
    cause_key {exact255} NULL,
    segments INTEGER NOT NULL,
    error_code {exact64} NOT NULL,
    error_message {varchar255} NOT NULL,
    fence {bigint} NOT NULL,
    provider_sid {exact64} NULL,
    tries INTEGER NOT NULL,
    tm_first_try {time} NULL,
    tm_attempt {time} NULL,
    tm_sent {time} NULL,
    delivered_at {time} NULL,
    read_at {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS chat_messages_seq ON chat_messages (conversation_id, seq);
CREATE UNIQUE INDEX IF NOT EXISTS chat_messages_cause ON chat_messages (customer_id, cause_key);
CREATE INDEX IF NOT EXISTS chat_messages_by_sid ON chat_messages (provider_sid);

-- down
DROP TABLE IF EXISTS chat_messages;
