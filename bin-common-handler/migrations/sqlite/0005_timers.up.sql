CREATE TABLE IF NOT EXISTS {name}_timers (
    kind TEXT NOT NULL,
    entity_id BLOB NOT NULL,
    id BLOB NOT NULL,
    due_at INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    payload TEXT NOT NULL,
    PRIMARY KEY (kind, entity_id)
);
CREATE INDEX IF NOT EXISTS {name}_timers_next ON {name}_timers (kind, next_at);