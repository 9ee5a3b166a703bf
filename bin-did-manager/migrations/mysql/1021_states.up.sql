CREATE TABLE did_states (
    did_id BINARY(16) NOT NULL,
    customer_id BINARY(16) NOT NULL,
    day_start BIGINT NOT NULL,
    day_count INTEGER NOT NULL,
    hour_start BIGINT NOT NULL,
    hour_count INTEGER NOT NULL,
    last_used BIGINT NOT NULL,
    total BIGINT NOT NULL,
    PRIMARY KEY (did_id)
) CHARACTER SET utf8mb4
