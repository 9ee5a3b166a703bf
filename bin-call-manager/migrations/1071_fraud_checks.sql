CREATE TABLE IF NOT EXISTS exchange_fraud_checks (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    call_campaign_id {uuid} NOT NULL,
    account_id {uuid} NOT NULL,
    call_id {uuid} NULL,
    phone {exact64} NOT NULL,
    score {double} NOT NULL,
    action {exact64} NOT NULL,
    flags {json} NOT NULL,
    parts {json} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_fraud_checks_by_time ON exchange_fraud_checks (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS exchange_fraud_checks_by_action ON exchange_fraud_checks (customer_id, action, tm_create);
CREATE INDEX IF NOT EXISTS exchange_fraud_checks_old ON exchange_fraud_checks (call_id, tm_create);

-- down
DROP TABLE IF EXISTS exchange_fraud_checks;
