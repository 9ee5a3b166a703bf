CREATE TABLE did_states (
    did_id BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    day_start INTEGER NOT NULL,
    day_count INTEGER NOT NULL,
    hour_start INTEGER NOT NULL,
    hour_count INTEGER NOT NULL,
    last_used INTEGER NOT NULL,
    total INTEGER NOT NULL,
    PRIMARY KEY (did_id)
) WITHOUT ROWID
