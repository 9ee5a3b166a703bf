CREATE TABLE IF NOT EXISTS chat_holidays (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    date {exact64} NOT NULL,
    name {varchar255} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_holidays_by_time ON chat_holidays (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_holidays;
