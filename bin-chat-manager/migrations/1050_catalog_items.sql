CREATE TABLE IF NOT EXISTS chat_catalog_items (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    aliases {json} NOT NULL,
    duration_minutes INTEGER NOT NULL,
    price_cents {bigint} NOT NULL,
    currency {exact64} NOT NULL,
    active BOOLEAN NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_catalog_items_by_time ON chat_catalog_items (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_catalog_items;
