CREATE TABLE IF NOT EXISTS note_notes (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    outdial_id {uuid} NOT NULL,
    text TEXT NOT NULL,
    url TEXT NOT NULL,
    secret TEXT NOT NULL,
    fee_amount {bigint} NOT NULL,
    fee_currency {varchar32} NOT NULL,
    remind_at {time} NULL,
    inbound_count INTEGER NOT NULL,
    tm_due {time} NULL,
    tm_called {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS note_customer_created ON note_notes (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS note_outdial ON note_notes (customer_id, outdial_id);

-- down
DROP TABLE IF EXISTS note_notes;
