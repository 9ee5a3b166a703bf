CREATE TABLE IF NOT EXISTS chat_alert_rules (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    metric {exact64} NOT NULL,
    threshold {double} NOT NULL,
    duration_seconds INTEGER NOT NULL,
    cooldown_seconds INTEGER NOT NULL,
    channels {json} NOT NULL,
    escalate_after_seconds INTEGER NOT NULL,
    active BOOLEAN NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_alert_rules_by_time ON chat_alert_rules (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_alert_rules;
