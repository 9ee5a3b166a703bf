CREATE TABLE IF NOT EXISTS chat_appointments (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    reservation_id {uuid} NOT NULL,
    resource_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    lead_id {uuid} NOT NULL,
    catalog_item_id {uuid} NOT NULL,
    title {varchar255} NOT NULL,
    address TEXT NOT NULL,
    status {exact64} NOT NULL,
    reason {varchar255} NOT NULL,
    tm_start {time} NOT NULL,
    tm_end {time} NOT NULL,
    price_cents {bigint} NOT NULL,
    currency {exact64} NOT NULL,
    sequence INTEGER NOT NULL,
    tm_remind {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_appointments_by_time ON chat_appointments (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS chat_appointments_by_resource ON chat_appointments (resource_id, status, tm_start);
CREATE INDEX IF NOT EXISTS chat_appointments_by_start ON chat_appointments (customer_id, tm_start);

-- down
DROP TABLE IF EXISTS chat_appointments;
