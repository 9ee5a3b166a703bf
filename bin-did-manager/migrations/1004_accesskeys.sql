CREATE TABLE IF NOT EXISTS did_accesskeys (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    prefix {exact64} NOT NULL,
    account_id {uuid} NULL,
    scopes {json} NOT NULL,
    number_format {exact64} NULL,
    rate_per_second INTEGER NULL,
    rate_burst INTEGER NULL,
    tm_expire {time} NULL,
    tm_used {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS did_accesskeys_by_time ON did_accesskeys (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS did_accesskeys;
