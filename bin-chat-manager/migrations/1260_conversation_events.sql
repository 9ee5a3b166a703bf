CREATE TABLE IF NOT EXISTS chat_conversation_events (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    seq {bigint} NOT NULL,
    note_seq {bigint} NOT NULL,
    kind {exact64} NOT NULL,
    message_id {uuid} NULL,
    details {json} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS chat_conversation_events_seq ON chat_conversation_events (conversation_id, seq, note_seq);

-- down
DROP TABLE IF EXISTS chat_conversation_events;
