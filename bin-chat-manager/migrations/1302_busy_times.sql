CREATE TABLE IF NOT EXISTS chat_busy_times (
    calendar_id {uuid} NOT NULL,
    tm_start {time} NOT NULL,
    tm_end {time} NOT NULL,
    customer_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    PRIMARY KEY (calendar_id, tm_start)
) {table};
CREATE INDEX IF NOT EXISTS chat_busy_times_by_end ON chat_busy_times (customer_id, tm_end);

-- down
DROP TABLE IF EXISTS chat_busy_times;
