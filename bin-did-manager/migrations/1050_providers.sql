CREATE TABLE IF NOT EXISTS did_providers (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    type {exact64} NOT NULL,
    account_id {exact64} NOT NULL,
    secret TEXT NOT NULL,
    opt_out_replies {exact64} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS did_providers_by_time ON did_providers (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS did_providers;
