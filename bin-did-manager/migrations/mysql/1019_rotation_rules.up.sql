CREATE TABLE did_rotation_rules (
    id BINARY(16) NOT NULL,
    customer_id BINARY(16) NOT NULL,
    name VARCHAR(255) NOT NULL,
    algorithm VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    tiers JSON NOT NULL,
    sticky BOOLEAN NOT NULL,
    parameters JSON NOT NULL,
    priority INTEGER NOT NULL,
    valid_from DATETIME(6) NULL,
    valid_to DATETIME(6) NULL,
    tm_create DATETIME(6) NOT NULL,
    tm_update DATETIME(6) NOT NULL,
    tm_delete DATETIME(6) NULL,
    PRIMARY KEY (id)
) CHARACTER SET utf8mb4
