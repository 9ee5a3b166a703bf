-- A business has one live rule for each metric; null for rules of before, which may be several.
ALTER TABLE chat_alert_rules ADD COLUMN IF NOT EXISTS live_metric {exact64} NULL;
CREATE UNIQUE INDEX IF NOT EXISTS chat_alert_rules_live ON chat_alert_rules (customer_id, live_metric);

-- down
DROP INDEX IF EXISTS chat_alert_rules_live ON chat_alert_rules;
ALTER TABLE chat_alert_rules DROP COLUMN IF EXISTS live_metric;
