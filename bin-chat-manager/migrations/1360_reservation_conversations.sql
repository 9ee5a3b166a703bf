-- A hold may be for whoever a conversation is with: it goes when they opt out.
ALTER TABLE chat_reservations ADD COLUMN IF NOT EXISTS conversation_id {uuid} NOT NULL DEFAULT X'00000000000000000000000000000000';
CREATE INDEX IF NOT EXISTS chat_reservations_by_conversation ON chat_reservations (conversation_id, status);

-- down
DROP INDEX IF EXISTS chat_reservations_by_conversation ON chat_reservations;
ALTER TABLE chat_reservations DROP COLUMN IF EXISTS conversation_id;
