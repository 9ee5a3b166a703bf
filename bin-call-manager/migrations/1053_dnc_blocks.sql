-- Numbers of one import, a part in each row, as a compressed bitmap of their digits.
CREATE TABLE IF NOT EXISTS exchange_dnc_blocks (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    dnc_list_id {uuid} NOT NULL,
    import_id {uuid} NOT NULL,
    block {bigint} NOT NULL,
    numbers {bigint} NOT NULL,
    bitmap {mediumblob} NOT NULL,
    tm_create {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_dnc_blocks_by_list ON exchange_dnc_blocks (dnc_list_id, import_id, id);

-- down
DROP TABLE IF EXISTS exchange_dnc_blocks;
