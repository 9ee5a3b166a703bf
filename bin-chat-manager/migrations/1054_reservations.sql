CREATE TABLE IF NOT EXISTS chat_reservations (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    tm_start {time} NOT NULL,
    tm_end {time} NOT NULL,
    ttl_seconds INTEGER NOT NULL,
    status {exact64} NOT NULL,
    tm_expire {time} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_reservations_by_time ON chat_reservations (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS chat_reservations_by_resource ON chat_reservations (resource_id, status, tm_start);

-- down
DROP TABLE IF EXISTS chat_reservations;
