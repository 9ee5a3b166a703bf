CREATE TABLE IF NOT EXISTS chat_alert_watches (
    customer_id {uuid} NOT NULL,
    metric {exact64} NOT NULL,
    entity_id {uuid} NOT NULL,
    alert_id {uuid} NOT NULL,
    since {bigint} NULL,
    last {bigint} NULL,
    stands BOOLEAN NOT NULL,
    PRIMARY KEY (customer_id, metric, entity_id)
) {table};

-- down
DROP TABLE IF EXISTS chat_alert_watches;
