CREATE TABLE IF NOT EXISTS {name}_timers (
    kind {exact64} NOT NULL,
    entity_id {uuid} NOT NULL,
    id {uuid} NOT NULL,
    due_at {bigint} NOT NULL,
    next_at {bigint} NOT NULL,
    attempt INTEGER NOT NULL,
    payload {mediumtext} NOT NULL,
    PRIMARY KEY (kind, entity_id)
) {table};
CREATE INDEX IF NOT EXISTS {name}_timers_next ON {name}_timers (kind, next_at);

-- down
DROP TABLE IF EXISTS {name}_timers;
