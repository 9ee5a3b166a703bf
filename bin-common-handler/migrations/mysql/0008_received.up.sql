CREATE TABLE IF NOT EXISTS {name}_received (
    event_key BINARY(32) NOT NULL PRIMARY KEY,
    tm_expire BIGINT NOT NULL,
    KEY {name}_received_expire (tm_expire)
)