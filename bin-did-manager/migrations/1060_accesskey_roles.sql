ALTER TABLE did_accesskeys ADD COLUMN IF NOT EXISTS role {exact64} NULL;
ALTER TABLE did_accesskeys ADD COLUMN IF NOT EXISTS user_id {uuid} NULL;

-- down
ALTER TABLE did_accesskeys DROP COLUMN IF EXISTS user_id;
ALTER TABLE did_accesskeys DROP COLUMN IF EXISTS role;
