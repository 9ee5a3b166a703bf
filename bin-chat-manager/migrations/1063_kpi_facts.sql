CREATE TABLE IF NOT EXISTS chat_kpi_facts (
    kind {exact64} NOT NULL,
    entity_id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    parent_id {uuid} NOT NULL,
    label {exact64} NOT NULL,
    value {bigint} NOT NULL,
    currency {exact64} NOT NULL,
    tm_at {time} NOT NULL,
    version {bigint} NOT NULL,
    counts BOOLEAN NOT NULL,
    PRIMARY KEY (kind, entity_id)
) {table};
CREATE INDEX IF NOT EXISTS chat_kpi_facts_by_time ON chat_kpi_facts (customer_id, tm_at);

-- down
DROP TABLE IF EXISTS chat_kpi_facts;
