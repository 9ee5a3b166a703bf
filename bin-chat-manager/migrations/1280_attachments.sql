CREATE TABLE IF NOT EXISTS chat_attachments (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    status {exact64} NOT NULL,
    name {varchar255} NOT NULL,
    media_type {exact64} NOT NULL,
    size {bigint} NOT NULL,
    source_url TEXT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_attachments_of_conversation ON chat_attachments (conversation_id);
CREATE INDEX IF NOT EXISTS chat_attachments_by_status ON chat_attachments (status, tm_create);

-- down
DROP TABLE IF EXISTS chat_attachments;
