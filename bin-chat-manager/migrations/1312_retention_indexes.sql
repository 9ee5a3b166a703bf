-- What is older than a tenant keeps it is found by its time.
CREATE INDEX IF NOT EXISTS chat_messages_by_time ON chat_messages (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS chat_webhooks_by_time ON chat_webhooks (tm_create);

-- down
DROP INDEX IF EXISTS chat_webhooks_by_time ON chat_webhooks;
DROP INDEX IF EXISTS chat_messages_by_time ON chat_messages;
