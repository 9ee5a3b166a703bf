-- Nonces of SIP over WebSocket with a count that was used: a recorded message opens nothing, in no process.
CREATE TABLE IF NOT EXISTS exchange_sip_nonces (
    digest {exact64} NOT NULL,
    expires {time} NOT NULL,
    PRIMARY KEY (digest)
) {table};
CREATE INDEX IF NOT EXISTS exchange_sip_nonces_old ON exchange_sip_nonces (expires);

-- down
DROP TABLE IF EXISTS exchange_sip_nonces;
