CREATE TABLE IF NOT EXISTS did_performances (
    customer_id {uuid} NOT NULL,
    did_id {uuid} NOT NULL,
    calls {bigint} NOT NULL,
    answered {bigint} NOT NULL,
    human {bigint} NOT NULL,
    duration_seconds {bigint} NOT NULL,
    recent_calls INTEGER NOT NULL,
    recent_answered INTEGER NOT NULL,
    recent_blocked INTEGER NOT NULL,
    reputation INTEGER NULL,
    PRIMARY KEY (customer_id, did_id)
) {table_without_rowid};

-- down
DROP TABLE IF EXISTS did_performances;
