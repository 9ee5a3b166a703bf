-- Who is invited to an appointment by mail: whoever it is for, and whoever does the work.
ALTER TABLE chat_appointments ADD COLUMN IF NOT EXISTS email {varchar255} NOT NULL DEFAULT '';
ALTER TABLE chat_resources ADD COLUMN IF NOT EXISTS email {varchar255} NOT NULL DEFAULT '';

-- down
ALTER TABLE chat_resources DROP COLUMN IF EXISTS email;
ALTER TABLE chat_appointments DROP COLUMN IF EXISTS email;
