-- Times offered by text, until the person chooses one; and the appointments that were made by text.
-- mysql: ALTER TABLE chat_conversations ADD COLUMN IF NOT EXISTS offered_slots JSON NOT NULL DEFAULT ('[]');
-- sqlite: ALTER TABLE chat_conversations ADD COLUMN IF NOT EXISTS offered_slots TEXT NOT NULL DEFAULT '[]';
CREATE INDEX IF NOT EXISTS chat_appointments_by_conversation ON chat_appointments (conversation_id, tm_start);

-- down
DROP INDEX IF EXISTS chat_appointments_by_conversation ON chat_appointments;
ALTER TABLE chat_conversations DROP COLUMN IF EXISTS offered_slots;
