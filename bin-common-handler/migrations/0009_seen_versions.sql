CREATE TABLE IF NOT EXISTS {name}_seen_versions (
    entity {hash32} NOT NULL PRIMARY KEY,
    version {bigint} NOT NULL,
    tm_expire {bigint} NOT NULL
) {table};
CREATE INDEX IF NOT EXISTS {name}_seen_versions_expire ON {name}_seen_versions (tm_expire);

-- down
DROP TABLE IF EXISTS {name}_seen_versions;
