CREATE TABLE did_stickies (
    phone_hash BINARY(16) NOT NULL,
    customer_id BINARY(16) NOT NULL,
    did_id BINARY(16) NOT NULL,
    PRIMARY KEY (phone_hash)
) CHARACTER SET utf8mb4
