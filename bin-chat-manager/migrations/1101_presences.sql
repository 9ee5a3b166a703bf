CREATE TABLE IF NOT EXISTS chat_presences (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    status {exact64} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS chat_presences_of_user ON chat_presences (customer_id, user_id);
CREATE INDEX IF NOT EXISTS chat_presences_by_time ON chat_presences (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_presences;
