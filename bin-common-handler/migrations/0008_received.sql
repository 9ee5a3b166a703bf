CREATE TABLE IF NOT EXISTS {name}_received (
    event_key {hash32} NOT NULL PRIMARY KEY,
    tm_expire {bigint} NOT NULL
) {table};
CREATE INDEX IF NOT EXISTS {name}_received_expire ON {name}_received (tm_expire);

-- down
DROP TABLE IF EXISTS {name}_received;
