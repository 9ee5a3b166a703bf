CREATE TABLE IF NOT EXISTS {name}_inbox (
    op_key BINARY(32) NOT NULL PRIMARY KEY,
    fingerprint BINARY(32) NOT NULL,
    owner BINARY(32) NOT NULL,
    status_code INT NOT NULL,
    data_type VARCHAR(32) NOT NULL,
    reply MEDIUMTEXT NULL,
    tm_expire BIGINT NOT NULL,
    KEY {name}_inbox_expire (tm_expire),
    KEY {name}_inbox_owner (owner, tm_expire)
) CHARACTER SET utf8mb4
