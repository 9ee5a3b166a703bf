CREATE TABLE IF NOT EXISTS {name}_seen_versions (
    entity BINARY(32) NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL,
    tm_expire BIGINT NOT NULL,
    KEY {name}_seen_versions_expire (tm_expire)
)