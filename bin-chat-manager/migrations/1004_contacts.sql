CREATE TABLE IF NOT EXISTS chat_contacts (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    phone_hash {hash32} NOT NULL,
    number {exact64} NOT NULL,
    opted_out BOOLEAN NOT NULL,
    source {exact64} NOT NULL,
    paused BOOLEAN NOT NULL,
    tm_opted_out {time} NULL,
    tm_asked {time} NULL,
    tm_greeted {time} NULL,
    ai_day {bigint} NOT NULL,
    ai_texts INTEGER NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS chat_contacts_phone ON chat_contacts (customer_id, phone_hash);
CREATE INDEX IF NOT EXISTS chat_contacts_by_time ON chat_contacts (customer_id, opted_out, tm_create);

-- down
DROP TABLE IF EXISTS chat_contacts;
