CREATE TABLE IF NOT EXISTS {name}_received (
    event_key BLOB NOT NULL PRIMARY KEY,
    tm_expire INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS {name}_received_expire ON {name}_received (tm_expire);