CREATE TABLE IF NOT EXISTS chat_rates (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    days {json} NOT NULL,
    `from` {exact64} NOT NULL,
    `to` {exact64} NOT NULL,
    factor {double} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_rates_by_time ON chat_rates (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_rates;
