CREATE TABLE did_accesskey_hashes (
    token_hash BLOB NOT NULL,
    accesskey_id BLOB NOT NULL,
    PRIMARY KEY (token_hash)
) WITHOUT ROWID
