CREATE TABLE IF NOT EXISTS chat_summaries (
    conversation_id {uuid} NOT NULL,
    kind {exact64} NOT NULL,
    customer_id {uuid} NOT NULL,
    up_to_seq {bigint} NOT NULL,
    text TEXT NOT NULL,
    tm_create {time} NOT NULL,
    PRIMARY KEY (conversation_id, kind)
) {table};

-- down
DROP TABLE IF EXISTS chat_summaries;
