-- What a carrier said of a number that takes no texts, such as a landline, and when.
ALTER TABLE chat_contacts ADD COLUMN IF NOT EXISTS unreachable_code {exact64} NOT NULL DEFAULT '';
ALTER TABLE chat_contacts ADD COLUMN IF NOT EXISTS tm_unreachable {time} NULL;

-- down
ALTER TABLE chat_contacts DROP COLUMN IF EXISTS tm_unreachable;
ALTER TABLE chat_contacts DROP COLUMN IF EXISTS unreachable_code;
