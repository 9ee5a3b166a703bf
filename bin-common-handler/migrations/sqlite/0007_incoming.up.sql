CREATE TABLE IF NOT EXISTS {name}_incoming (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_key BLOB NOT NULL UNIQUE,
    entity BLOB NOT NULL,
    message_id TEXT NOT NULL,
    routing_key TEXT NOT NULL,
    version INTEGER NULL,
    customer_id BLOB NULL,
    payload BLOB NOT NULL,
    attempt INTEGER NOT NULL,
    next_at INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS {name}_incoming_entity ON {name}_incoming (entity, seq);