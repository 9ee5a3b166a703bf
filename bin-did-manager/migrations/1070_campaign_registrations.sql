-- What was filed with the registry of campaigns for a number's texts, and what became of it.
ALTER TABLE did_phone_numbers ADD COLUMN IF NOT EXISTS campaign_id {exact64} NOT NULL DEFAULT '';
ALTER TABLE did_phone_numbers ADD COLUMN IF NOT EXISTS campaign_failure {varchar255} NOT NULL DEFAULT '';
-- mysql: ALTER TABLE did_phone_numbers ADD COLUMN IF NOT EXISTS registration JSON NOT NULL DEFAULT ('null');
-- sqlite: ALTER TABLE did_phone_numbers ADD COLUMN IF NOT EXISTS registration TEXT NOT NULL DEFAULT 'null';

-- down
ALTER TABLE did_phone_numbers DROP COLUMN IF EXISTS registration;
ALTER TABLE did_phone_numbers DROP COLUMN IF EXISTS campaign_failure;
ALTER TABLE did_phone_numbers DROP COLUMN IF EXISTS campaign_id;
