CREATE TABLE did_didpool_members (
    didpool_id BLOB NOT NULL,
    did_id BLOB NOT NULL,
    PRIMARY KEY (didpool_id, did_id)
) WITHOUT ROWID
