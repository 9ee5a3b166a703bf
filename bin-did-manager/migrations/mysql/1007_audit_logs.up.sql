CREATE TABLE did_audit_logs (
    id BINARY(16) NOT NULL,
    customer_id BINARY(16) NOT NULL,
    accesskey_id BINARY(16) NOT NULL,
    request_id VARCHAR(255) NOT NULL,
    action VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    resource VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    resource_id BINARY(16) NOT NULL,
    value_before MEDIUMTEXT NOT NULL,
    value_after MEDIUMTEXT NOT NULL,
    tm_create DATETIME(6) NOT NULL,
    tm_update DATETIME(6) NOT NULL,
    PRIMARY KEY (id)
) CHARACTER SET utf8mb4
