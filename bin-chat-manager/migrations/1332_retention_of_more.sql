-- Offers go with their conversation, and what visitors said of themselves with what they said.
CREATE INDEX IF NOT EXISTS chat_offers_of_conversation ON chat_offers (conversation_id);
CREATE INDEX IF NOT EXISTS chat_sessions_by_time ON chat_sessions (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS chat_attachments_by_time ON chat_attachments (customer_id, tm_create);

-- down
DROP INDEX IF EXISTS chat_attachments_by_time ON chat_attachments;
DROP INDEX IF EXISTS chat_sessions_by_time ON chat_sessions;
DROP INDEX IF EXISTS chat_offers_of_conversation ON chat_offers;
