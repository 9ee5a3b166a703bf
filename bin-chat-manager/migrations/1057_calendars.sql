CREATE TABLE IF NOT EXISTS chat_calendars (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    resource_id {uuid} NOT NULL,
    feed_token {exact64} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_calendars_by_time ON chat_calendars (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_calendars;
