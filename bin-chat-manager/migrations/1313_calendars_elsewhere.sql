-- A calendar may be kept elsewhere; those that there are were feeds.
ALTER TABLE chat_calendars ADD COLUMN IF NOT EXISTS type {exact64} NOT NULL DEFAULT 'feed';
-- mysql: ALTER TABLE chat_calendars ADD COLUMN IF NOT EXISTS url TEXT NOT NULL DEFAULT ('');
-- sqlite: ALTER TABLE chat_calendars ADD COLUMN IF NOT EXISTS url TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_calendars ADD COLUMN IF NOT EXISTS username {varchar255} NOT NULL DEFAULT '';
-- mysql: ALTER TABLE chat_calendars ADD COLUMN IF NOT EXISTS secret TEXT NOT NULL DEFAULT ('');
-- sqlite: ALTER TABLE chat_calendars ADD COLUMN IF NOT EXISTS secret TEXT NOT NULL DEFAULT '';
ALTER TABLE chat_calendars ADD COLUMN IF NOT EXISTS remote_id {varchar255} NOT NULL DEFAULT '';

-- down
ALTER TABLE chat_calendars DROP COLUMN IF EXISTS remote_id;
ALTER TABLE chat_calendars DROP COLUMN IF EXISTS secret;
ALTER TABLE chat_calendars DROP COLUMN IF EXISTS username;
ALTER TABLE chat_calendars DROP COLUMN IF EXISTS url;
ALTER TABLE chat_calendars DROP COLUMN IF EXISTS type;
