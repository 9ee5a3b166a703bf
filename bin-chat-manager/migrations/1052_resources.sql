CREATE TABLE IF NOT EXISTS chat_resources (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    buffer_minutes INTEGER NOT NULL,
    hours {json} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_resources_by_time ON chat_resources (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_resources;
