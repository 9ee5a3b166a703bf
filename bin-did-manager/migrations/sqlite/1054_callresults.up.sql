CREATE TABLE did_callresults (
    id BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    source TEXT NOT NULL,
    uniqueid TEXT NOT NULL,
    phone_hash BLOB NULL,
    phone_last4 TEXT NOT NULL,
    number TEXT NOT NULL,
    vicidial_campaign_id TEXT NOT NULL,
    lead_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    disposition TEXT NOT NULL,
    duration_seconds INTEGER NOT NULL,
    tm_call INTEGER NULL,
    tm_create INTEGER NOT NULL,
    tm_update INTEGER NOT NULL,
    PRIMARY KEY (id)
)
