CREATE TABLE did_pool_exhaustions (
    didpool_id BINARY(16) NOT NULL,
    hour_start BIGINT NOT NULL,
    PRIMARY KEY (didpool_id)
) CHARACTER SET utf8mb4
