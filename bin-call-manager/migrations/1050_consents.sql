-- A version is never changed, only followed by the next of the same consent_id.
CREATE TABLE IF NOT EXISTS exchange_consents (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    consent_id {uuid} NOT NULL,
    version {bigint} NOT NULL,
    phone {exact64} NOT NULL,
    purpose {exact64} NOT NULL,
    channels {json} NOT NULL,
    status {exact64} NOT NULL,
    proofs {json} NOT NULL,
    expires {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS exchange_consents_once ON exchange_consents (consent_id, version);
CREATE INDEX IF NOT EXISTS exchange_consents_by_time ON exchange_consents (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_consents_by_phone ON exchange_consents (customer_id, phone);

-- down
DROP TABLE IF EXISTS exchange_consents;
