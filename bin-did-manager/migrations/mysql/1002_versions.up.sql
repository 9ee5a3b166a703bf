CREATE TABLE did_versions (
    customer_id BINARY(16) NOT NULL,
    version BIGINT NOT NULL,
    PRIMARY KEY (customer_id)
) CHARACTER SET utf8mb4
