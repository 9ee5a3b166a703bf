-- A list that was imported; its numbers are the blocks of the import that is in force.
CREATE TABLE IF NOT EXISTS exchange_dnc_lists (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    list {exact64} NOT NULL,
    state {exact64} NOT NULL,
    import_id {uuid} NULL,
    blocks {bigint} NOT NULL,
    numbers {bigint} NOT NULL,
    tm_imported {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS exchange_dnc_lists_once ON exchange_dnc_lists (customer_id, list, state);
CREATE INDEX IF NOT EXISTS exchange_dnc_lists_by_time ON exchange_dnc_lists (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS exchange_dnc_lists;
