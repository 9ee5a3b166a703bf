CREATE TABLE IF NOT EXISTS chat_csats (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    score INTEGER NOT NULL,
    comment TEXT NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS chat_csats_of_conversation ON chat_csats (conversation_id);
CREATE INDEX IF NOT EXISTS chat_csats_by_time ON chat_csats (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_csats;
