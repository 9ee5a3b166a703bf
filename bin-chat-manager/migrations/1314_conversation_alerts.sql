-- An alert may be about one conversation or message; nil for those that are not.
ALTER TABLE chat_alerts ADD COLUMN IF NOT EXISTS conversation_id {uuid} NOT NULL DEFAULT X'00000000000000000000000000000000';
ALTER TABLE chat_alerts ADD COLUMN IF NOT EXISTS message_id {uuid} NULL;
ALTER TABLE chat_alerts ADD COLUMN IF NOT EXISTS reason {exact64} NOT NULL DEFAULT '';
CREATE INDEX IF NOT EXISTS chat_alerts_by_conversation ON chat_alerts (conversation_id, metric);

-- down
DROP INDEX IF EXISTS chat_alerts_by_conversation ON chat_alerts;
ALTER TABLE chat_alerts DROP COLUMN IF EXISTS reason;
ALTER TABLE chat_alerts DROP COLUMN IF EXISTS message_id;
ALTER TABLE chat_alerts DROP COLUMN IF EXISTS conversation_id;
