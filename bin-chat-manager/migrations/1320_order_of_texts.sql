-- The texts of one person are worked on in their order: whose they are while they wait, and which one of theirs.
ALTER TABLE chat_webhooks ADD COLUMN IF NOT EXISTS phone_hash {hash32} NULL;
ALTER TABLE chat_webhooks ADD COLUMN IF NOT EXISTS seq {bigint} NOT NULL DEFAULT 0;
CREATE INDEX IF NOT EXISTS chat_webhooks_by_person ON chat_webhooks (customer_id, phone_hash, seq);
ALTER TABLE chat_contacts ADD COLUMN IF NOT EXISTS last_text {bigint} NOT NULL DEFAULT 0;

-- down
ALTER TABLE chat_contacts DROP COLUMN IF EXISTS last_text;
DROP INDEX IF EXISTS chat_webhooks_by_person ON chat_webhooks;
ALTER TABLE chat_webhooks DROP COLUMN IF EXISTS seq;
ALTER TABLE chat_webhooks DROP COLUMN IF EXISTS phone_hash;
