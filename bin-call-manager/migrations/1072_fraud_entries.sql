CREATE TABLE IF NOT EXISTS exchange_fraud_entries (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    phone {exact64} NOT NULL,
    account_id {uuid} NULL,
    list {exact64} NOT NULL,
    reason {varchar255} NOT NULL,
    expires {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_fraud_entries_by_time ON exchange_fraud_entries (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_fraud_entries_by_phone ON exchange_fraud_entries (customer_id, phone);
CREATE INDEX IF NOT EXISTS exchange_fraud_entries_by_account ON exchange_fraud_entries (customer_id, account_id);

-- down
DROP TABLE IF EXISTS exchange_fraud_entries;
