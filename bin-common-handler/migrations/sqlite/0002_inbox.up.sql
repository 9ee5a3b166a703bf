CREATE TABLE IF NOT EXISTS {name}_inbox (
    op_key BLOB NOT NULL PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    owner BLOB NOT NULL,
    status_code INT NOT NULL,
    data_type TEXT NOT NULL,
    reply TEXT NULL,
    tm_expire INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS {name}_inbox_expire ON {name}_inbox (tm_expire);
CREATE INDEX IF NOT EXISTS {name}_inbox_owner ON {name}_inbox (owner, tm_expire);
