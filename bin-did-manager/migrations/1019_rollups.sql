CREATE TABLE IF NOT EXISTS did_rollups (
    customer_id {uuid} NOT NULL,
    kind {exact64} NOT NULL,
    day INTEGER NOT NULL,
    item {exact64} NOT NULL,
    calls {bigint} NOT NULL,
    answered {bigint} NOT NULL,
    human {bigint} NOT NULL,
    duration_seconds {bigint} NOT NULL,
    PRIMARY KEY (customer_id, kind, day, item)
) {table_without_rowid};

-- down
DROP TABLE IF EXISTS did_rollups;
