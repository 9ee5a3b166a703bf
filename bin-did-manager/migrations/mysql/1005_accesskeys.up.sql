CREATE TABLE did_accesskeys (
    id BINARY(16) NOT NULL,
    customer_id BINARY(16) NOT NULL,
    name VARCHAR(255) NOT NULL,
    prefix VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    scopes JSON NOT NULL,
    number_format VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    rate_per_second INTEGER NULL,
    rate_burst INTEGER NULL,
    tm_expire DATETIME(6) NULL,
    tm_used DATETIME(6) NULL,
    tm_create DATETIME(6) NOT NULL,
    tm_update DATETIME(6) NOT NULL,
    tm_delete DATETIME(6) NULL,
    PRIMARY KEY (id)
) CHARACTER SET utf8mb4
