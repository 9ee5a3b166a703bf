CREATE TABLE did_pool_exhaustions (
    didpool_id BLOB NOT NULL,
    hour_start INTEGER NOT NULL,
    PRIMARY KEY (didpool_id)
) WITHOUT ROWID
