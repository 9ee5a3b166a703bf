CREATE TABLE IF NOT EXISTS did_pool_exhaustions (
    didpool_id {uuid} NOT NULL,
    hour_start {bigint} NOT NULL,
    PRIMARY KEY (didpool_id)
) {table_without_rowid};

-- down
DROP TABLE IF EXISTS did_pool_exhaustions;
