-- Notes have numbers of their own and no `seq`. A conversation remembers the state that its sockets were told last.
ALTER TABLE chat_conversations ADD COLUMN IF NOT EXISTS last_note_seq {bigint} NOT NULL DEFAULT 0;
ALTER TABLE chat_conversations ADD COLUMN IF NOT EXISTS told_state {exact64} NOT NULL DEFAULT '';
ALTER TABLE chat_messages ADD COLUMN IF NOT EXISTS note_seq {bigint} NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX IF NOT EXISTS chat_messages_order ON chat_messages (conversation_id, seq, note_seq);
DROP INDEX IF EXISTS chat_messages_seq ON chat_messages;

-- down
DELETE FROM chat_messages WHERE seq = 0;
CREATE UNIQUE INDEX IF NOT EXISTS chat_messages_seq ON chat_messages (conversation_id, seq);
DROP INDEX IF EXISTS chat_messages_order ON chat_messages;
ALTER TABLE chat_messages DROP COLUMN IF EXISTS note_seq;
ALTER TABLE chat_conversations DROP COLUMN IF EXISTS told_state;
ALTER TABLE chat_conversations DROP COLUMN IF EXISTS last_note_seq;
