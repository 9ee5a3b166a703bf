CREATE TABLE did_secrets (
    name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    secret BINARY(32) NOT NULL,
    PRIMARY KEY (name)
) CHARACTER SET utf8mb4
