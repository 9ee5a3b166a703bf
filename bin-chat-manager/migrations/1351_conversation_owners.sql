-- What somebody has is found by its owner: on the way from one who is gone, and in an agent's lists.
CREATE INDEX IF NOT EXISTS chat_conversations_by_owner ON chat_conversations (customer_id, owner_id);

-- down
DROP INDEX IF EXISTS chat_conversations_by_owner ON chat_conversations;
