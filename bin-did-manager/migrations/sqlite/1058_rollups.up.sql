CREATE TABLE did_rollups (
    customer_id BLOB NOT NULL,
    kind TEXT NOT NULL,
    day INTEGER NOT NULL,
    item TEXT NOT NULL,
    calls INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    human INTEGER NOT NULL,
    duration_seconds INTEGER NOT NULL,
    PRIMARY KEY (customer_id, kind, day, item)
) WITHOUT ROWID
