CREATE TABLE IF NOT EXISTS {name}_dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    message_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    reason TEXT NOT NULL,
    payload BLOB NOT NULL,
    tm_create INTEGER NOT NULL
)