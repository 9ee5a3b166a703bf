CREATE TABLE IF NOT EXISTS exchange_business_relationships (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    phone {exact64} NOT NULL,
    kind {exact64} NOT NULL,
    tm {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_business_relationships_by_time ON exchange_business_relationships (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_business_relationships_by_phone ON exchange_business_relationships (customer_id, phone);

-- down
DROP TABLE IF EXISTS exchange_business_relationships;
