-- Written once, never changed.
CREATE TABLE IF NOT EXISTS exchange_ledger_entries (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    account_id {uuid} NOT NULL,
    kind {exact64} NOT NULL,
    amount {bigint} NOT NULL,
    currency {exact64} NOT NULL,
    reference_type {exact64} NOT NULL,
    reference_id {uuid} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS exchange_ledger_once ON exchange_ledger_entries (reference_type, reference_id, kind, account_id);
CREATE INDEX IF NOT EXISTS exchange_ledger_by_time ON exchange_ledger_entries (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_ledger_by_account ON exchange_ledger_entries (account_id, tm_create);

-- down
DROP TABLE IF EXISTS exchange_ledger_entries;
