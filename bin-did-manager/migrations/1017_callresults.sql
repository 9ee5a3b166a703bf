CREATE TABLE IF NOT EXISTS did_callresults (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    source {exact64} NOT NULL,
    uniqueid {exact64} NOT NULL,
    phone_hash {hash16} NULL,
    phone_last4 {exact64} NOT NULL,
    number {exact64} NOT NULL,
    vicidial_campaign_id {exact64} NOT NULL,
    lead_id {exact64} NOT NULL,
    outcome {exact64} NOT NULL,
    disposition {exact64} NOT NULL,
    duration_seconds INTEGER NOT NULL,
    tm_call {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS did_callresults_by_time ON did_callresults (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS did_callresults_in_order ON did_callresults (tm_create);

-- down
DROP TABLE IF EXISTS did_callresults;
