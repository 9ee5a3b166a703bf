CREATE TABLE IF NOT EXISTS did_customers (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    detail TEXT NOT NULL,
    status {exact64} NOT NULL,
    timezone {exact64} NOT NULL,
    day_start {exact64} NOT NULL,
    did_daily_cap INTEGER NOT NULL,
    did_hourly_cap INTEGER NOT NULL,
    did_cooldown_seconds INTEGER NOT NULL,
    warmup_daily_caps {json} NOT NULL,
    number_format {exact64} NOT NULL,
    dial_prefixes {json} NOT NULL,
    filler_campaigns {json} NOT NULL,
    dispositions {json} NOT NULL,
    didpool_id {uuid} NOT NULL,
    fallback {exact64} NOT NULL,
    rate_per_second INTEGER NULL,
    rate_burst INTEGER NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};

-- down
DROP TABLE IF EXISTS did_customers;
