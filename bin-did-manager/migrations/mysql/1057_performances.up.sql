CREATE TABLE did_performances (
    customer_id BINARY(16) NOT NULL,
    did_id BINARY(16) NOT NULL,
    calls BIGINT NOT NULL,
    answered BIGINT NOT NULL,
    human BIGINT NOT NULL,
    duration_seconds BIGINT NOT NULL,
    recent_calls INTEGER NOT NULL,
    recent_answered INTEGER NOT NULL,
    recent_blocked INTEGER NOT NULL,
    reputation INTEGER NULL,
    PRIMARY KEY (customer_id, did_id)
) CHARACTER SET utf8mb4
