CREATE TABLE IF NOT EXISTS chat_canned_responses (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    shortcut {exact64} NOT NULL,
    body TEXT NOT NULL,
    live_shortcut {exact64} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_canned_responses_by_time ON chat_canned_responses (customer_id, tm_create);
CREATE UNIQUE INDEX IF NOT EXISTS chat_canned_responses_live ON chat_canned_responses (customer_id, live_shortcut);

-- down
DROP TABLE IF EXISTS chat_canned_responses;
