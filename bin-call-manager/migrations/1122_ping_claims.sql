-- Whose question a ping is, while it is asked and while its answer stands: all processes ask the same one once.
CREATE TABLE IF NOT EXISTS exchange_ping_claims (
    digest {exact64} NOT NULL,
    customer_id {uuid} NOT NULL,
    ping_id {uuid} NOT NULL,
    expires {time} NOT NULL,
    PRIMARY KEY (digest)
) {table};
CREATE INDEX IF NOT EXISTS exchange_ping_claims_by_ping ON exchange_ping_claims (ping_id);
CREATE INDEX IF NOT EXISTS exchange_ping_claims_old ON exchange_ping_claims (expires);

-- down
DROP TABLE IF EXISTS exchange_ping_claims;
