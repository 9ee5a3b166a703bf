-- The appointment that a message is about; null for all others.
ALTER TABLE chat_messages ADD COLUMN IF NOT EXISTS appointment_id {uuid} NULL;

-- down
ALTER TABLE chat_messages DROP COLUMN IF EXISTS appointment_id;
