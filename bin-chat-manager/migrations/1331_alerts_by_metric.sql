-- How many alerts of a metric there were of late is counted again and again.
CREATE INDEX IF NOT EXISTS chat_alerts_by_metric ON chat_alerts (metric, tm_create);

-- down
DROP INDEX IF EXISTS chat_alerts_by_metric ON chat_alerts;
