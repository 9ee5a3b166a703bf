CREATE TABLE did_didpool_members (
    didpool_id BINARY(16) NOT NULL,
    did_id BINARY(16) NOT NULL,
    PRIMARY KEY (didpool_id, did_id)
) CHARACTER SET utf8mb4
