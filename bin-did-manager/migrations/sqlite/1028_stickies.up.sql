CREATE TABLE did_stickies (
    phone_hash BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    did_id BLOB NOT NULL,
    PRIMARY KEY (phone_hash)
) WITHOUT ROWID
