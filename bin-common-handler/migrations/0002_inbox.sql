CREATE TABLE IF NOT EXISTS {name}_inbox (
    op_key {hash32} NOT NULL PRIMARY KEY,
    fingerprint {hash32} NOT NULL,
    owner {hash32} NOT NULL,
    status_code INT NOT NULL,
    data_type {varchar32} NOT NULL,
    reply {mediumtext} NULL,
    tm_expire {bigint} NOT NULL
) {table};
CREATE INDEX IF NOT EXISTS {name}_inbox_expire ON {name}_inbox (tm_expire);
CREATE INDEX IF NOT EXISTS {name}_inbox_owner ON {name}_inbox (owner, tm_expire);

-- down
DROP TABLE IF EXISTS {name}_inbox;
