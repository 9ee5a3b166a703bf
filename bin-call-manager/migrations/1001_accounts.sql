CREATE TABLE IF NOT EXISTS exchange_accounts (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    type {exact64} NOT NULL,
    name {varchar255} NOT NULL,
    email {varchar255} NOT NULL,
    status {exact64} NOT NULL,
    currency {exact64} NOT NULL,
    balance {bigint} NOT NULL,
    held {bigint} NOT NULL,
    credit_limit {bigint} NOT NULL,
    timezone {exact64} NOT NULL,
    hours {json} NOT NULL,
    concurrency_cap {bigint} NULL,
    hourly_cap {bigint} NULL,
    daily_cap {bigint} NULL,
    monthly_cap {bigint} NULL,
    total_cap {bigint} NULL,
    daily_budget {bigint} NULL,
    cap_counts {exact64} NOT NULL,
    weight INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    quality {json} NOT NULL,
    used {json} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_accounts_by_time ON exchange_accounts (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS exchange_accounts;
