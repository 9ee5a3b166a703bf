CREATE TABLE IF NOT EXISTS did_stickies (
    phone_hash {hash16} NOT NULL,
    customer_id {uuid} NOT NULL,
    did_id {uuid} NOT NULL,
    PRIMARY KEY (phone_hash)
) {table_without_rowid};

-- down
DROP TABLE IF EXISTS did_stickies;
