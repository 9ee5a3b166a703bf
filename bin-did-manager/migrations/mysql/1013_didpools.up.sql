CREATE TABLE did_didpools (
    id BINARY(16) NOT NULL,
    customer_id BINARY(16) NOT NULL,
    name VARCHAR(255) NOT NULL,
    detail TEXT NOT NULL,
    tm_create DATETIME(6) NOT NULL,
    tm_update DATETIME(6) NOT NULL,
    tm_delete DATETIME(6) NULL,
    PRIMARY KEY (id)
) CHARACTER SET utf8mb4
