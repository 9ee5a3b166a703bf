CREATE TABLE IF NOT EXISTS did_accesskey_hashes (
    token_hash {hash32} NOT NULL,
    accesskey_id {uuid} NOT NULL,
    PRIMARY KEY (token_hash)
) {table_without_rowid};

-- down
DROP TABLE IF EXISTS did_accesskey_hashes;
