CREATE TABLE IF NOT EXISTS did_phone_numbers (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    number {exact64} NOT NULL,
    forward_target {exact64} NOT NULL,
    provider_id {uuid} NOT NULL,
    messaging_service_id {exact64} NOT NULL,
    campaign_status {exact64} NOT NULL,
    purchase BOOLEAN NOT NULL,
    status {exact64} NOT NULL,
    provider_number_id {exact64} NOT NULL,
    failure {varchar255} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    -- mysql: live_key {exact255} GENERATED ALWAYS AS (CASE WHEN tm_delete IS NULL THEN number END) STORED,
    PRIMARY KEY (id)
) {table};
-- A number belongs to one business of the installation: its webhooks must be somebody's.
-- mysql: CREATE UNIQUE INDEX IF NOT EXISTS did_phone_numbers_live ON did_phone_numbers (live_key);
-- sqlite: CREATE UNIQUE INDEX IF NOT EXISTS did_phone_numbers_live ON did_phone_numbers (number) WHERE tm_delete IS NULL;
CREATE INDEX IF NOT EXISTS did_phone_numbers_by_time ON did_phone_numbers (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS did_phone_numbers_by_provider ON did_phone_numbers (provider_id);

-- down
DROP TABLE IF EXISTS did_phone_numbers;
