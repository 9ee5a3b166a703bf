CREATE TABLE IF NOT EXISTS {name}_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id BLOB NOT NULL,
    type TEXT NOT NULL,
    resource_id BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    data TEXT NOT NULL,
    tm_create INTEGER NOT NULL
)
