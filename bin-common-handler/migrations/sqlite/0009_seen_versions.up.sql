CREATE TABLE IF NOT EXISTS {name}_seen_versions (
    entity BLOB NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    tm_expire INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS {name}_seen_versions_expire ON {name}_seen_versions (tm_expire);