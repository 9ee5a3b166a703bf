CREATE TABLE IF NOT EXISTS {name}_parked (
    event_id BLOB NOT NULL PRIMARY KEY,
    type TEXT NOT NULL,
    resource_id BLOB NOT NULL,
    reason TEXT NOT NULL,
    data TEXT NOT NULL,
    tm_create INTEGER NOT NULL
)
