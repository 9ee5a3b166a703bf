CREATE TABLE IF NOT EXISTS did_versions (
    customer_id {uuid} NOT NULL,
    version {bigint} NOT NULL,
    PRIMARY KEY (customer_id)
) {table_without_rowid};

-- down
DROP TABLE IF EXISTS did_versions;
