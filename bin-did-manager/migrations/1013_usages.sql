CREATE TABLE IF NOT EXISTS did_usages (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    did_id {uuid} NOT NULL,
    number {exact64} NOT NULL,
    campaign_id {uuid} NOT NULL,
    vicidial_campaign_id {exact64} NOT NULL,
    didpool_id {uuid} NOT NULL,
    phone_hash {hash16} NULL,
    phone_last4 {exact64} NOT NULL,
    phone_npa INTEGER NULL,
    uniqueid {exact64} NOT NULL,
    lead_id {exact64} NOT NULL,
    reason {mediumtext} NOT NULL,
    outcome {exact64} NOT NULL,
    disposition {exact64} NOT NULL,
    duration_seconds INTEGER NOT NULL,
    tm_result {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    request_key {hash16} NULL,
    request_until {bigint} NULL,
    call_ref {bigint} NULL,
    outcome_rank INTEGER NOT NULL DEFAULT 0,
    blocked BOOLEAN NOT NULL DEFAULT 0,
    call_id {exact64} NOT NULL DEFAULT '',
    call_id_ref {bigint} NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS did_usages_once ON did_usages (request_key);
CREATE INDEX IF NOT EXISTS did_usages_by_time ON did_usages (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS did_usages_by_call ON did_usages (call_ref);
CREATE INDEX IF NOT EXISTS did_usages_by_phone ON did_usages (phone_hash, tm_create);
CREATE INDEX IF NOT EXISTS did_usages_in_order ON did_usages (tm_create, id);
CREATE INDEX IF NOT EXISTS did_usages_by_did ON did_usages (did_id, tm_create);
CREATE INDEX IF NOT EXISTS did_usages_by_call_id ON did_usages (call_id_ref);

-- down
DROP TABLE IF EXISTS did_usages;
