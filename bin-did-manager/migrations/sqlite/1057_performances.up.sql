CREATE TABLE did_performances (
    customer_id BLOB NOT NULL,
    did_id BLOB NOT NULL,
    calls INTEGER NOT NULL,
    answered INTEGER NOT NULL,
    human INTEGER NOT NULL,
    duration_seconds INTEGER NOT NULL,
    recent_calls INTEGER NOT NULL,
    recent_answered INTEGER NOT NULL,
    recent_blocked INTEGER NOT NULL,
    reputation INTEGER NULL,
    PRIMARY KEY (customer_id, did_id)
) WITHOUT ROWID
