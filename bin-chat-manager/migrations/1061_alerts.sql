CREATE TABLE IF NOT EXISTS chat_alerts (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    alert_rule_id {uuid} NOT NULL,
    metric {exact64} NOT NULL,
    entity_id {uuid} NOT NULL,
    status {exact64} NOT NULL,
    value {double} NOT NULL,
    threshold {double} NOT NULL,
    channels {json} NOT NULL,
    escalated BOOLEAN NOT NULL,
    tm_snooze {time} NULL,
    tm_acknowledge {time} NULL,
    tm_resolve {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_alerts_by_time ON chat_alerts (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_alerts;
