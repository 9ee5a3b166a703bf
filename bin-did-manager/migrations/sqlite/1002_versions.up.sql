CREATE TABLE did_versions (
    customer_id BLOB NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (customer_id)
) WITHOUT ROWID
