CREATE TABLE IF NOT EXISTS exchange_dnc_entries (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    phone {exact64} NOT NULL,
    list {exact64} NOT NULL,
    state {exact64} NOT NULL,
    reason {varchar255} NOT NULL,
    expires {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_dnc_entries_by_time ON exchange_dnc_entries (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_dnc_entries_by_phone ON exchange_dnc_entries (customer_id, phone);

-- down
DROP TABLE IF EXISTS exchange_dnc_entries;
