CREATE TABLE IF NOT EXISTS did_dids (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    number {exact64} NOT NULL,
    status {exact64} NOT NULL,
    until {time} NULL,
    tm_status {time} NOT NULL,
    daily_cap INTEGER NULL,
    hourly_cap INTEGER NULL,
    cooldown_seconds INTEGER NULL,
    weight INTEGER NOT NULL,
    carrier {exact64} NOT NULL,
    provider {exact64} NOT NULL,
    attestation {exact64} NOT NULL,
    description TEXT NOT NULL,
    tags {json} NOT NULL,
    state {exact64} NOT NULL,
    city {varchar255} NOT NULL,
    npa INTEGER NULL,
    latitude {double} NULL,
    longitude {double} NULL,
    reputation INTEGER NULL,
    reputation_source {exact64} NOT NULL,
    tm_reputation {time} NULL,
    seq {bigint} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    -- mysql: live_key {exact255} GENERATED ALWAYS AS (CASE WHEN tm_delete IS NULL THEN number END) STORED,
    PRIMARY KEY (id)
) {table};
-- mysql: CREATE UNIQUE INDEX IF NOT EXISTS did_dids_live ON did_dids (customer_id, live_key);
-- sqlite: CREATE UNIQUE INDEX IF NOT EXISTS did_dids_live ON did_dids (customer_id, number) WHERE tm_delete IS NULL;
CREATE INDEX IF NOT EXISTS did_dids_by_seq ON did_dids (customer_id, seq);
CREATE INDEX IF NOT EXISTS did_dids_by_time ON did_dids (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS did_dids_until ON did_dids (until);

-- down
DROP TABLE IF EXISTS did_dids;
