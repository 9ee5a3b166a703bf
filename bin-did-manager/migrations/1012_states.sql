CREATE TABLE IF NOT EXISTS did_states (
    did_id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    day_start {bigint} NOT NULL,
    day_count INTEGER NOT NULL,
    hour_start {bigint} NOT NULL,
    hour_count INTEGER NOT NULL,
    last_used {bigint} NOT NULL,
    total {bigint} NOT NULL,
    calendar {bigint} NOT NULL DEFAULT 0,
    PRIMARY KEY (did_id)
) {table_without_rowid};
CREATE INDEX IF NOT EXISTS did_states_by_customer ON did_states (customer_id);

-- down
DROP TABLE IF EXISTS did_states;
