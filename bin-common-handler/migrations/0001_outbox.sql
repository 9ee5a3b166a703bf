CREATE TABLE IF NOT EXISTS {name}_outbox (
    id {serial},
    event_id {uuid} NOT NULL,
    type {varchar64} NOT NULL,
    resource_id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    version {bigint} NOT NULL,
    data {mediumtext} NOT NULL,
    tm_create {bigint} NOT NULL
) {table};

-- down
DROP TABLE IF EXISTS {name}_outbox;
