CREATE TABLE did_accesskey_hashes (
    token_hash BINARY(32) NOT NULL,
    accesskey_id BINARY(16) NOT NULL,
    PRIMARY KEY (token_hash)
) CHARACTER SET utf8mb4
