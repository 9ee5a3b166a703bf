CREATE TABLE did_rollups (
    customer_id BINARY(16) NOT NULL,
    kind VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    day INTEGER NOT NULL,
    item VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    calls BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    human BIGINT NOT NULL,
    duration_seconds BIGINT NOT NULL,
    PRIMARY KEY (customer_id, kind, day, item)
) CHARACTER SET utf8mb4
