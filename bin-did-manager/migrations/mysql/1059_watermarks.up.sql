CREATE TABLE did_watermarks (
    name VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    tm_create DATETIME(6) NOT NULL,
    id BINARY(16) NOT NULL,
    PRIMARY KEY (name)
) CHARACTER SET utf8mb4
