-- The terms of conversion under which a call was won; null for calls that were won before, which go by their campaign's.
-- mysql: ALTER TABLE exchange_calls ADD COLUMN IF NOT EXISTS conversion JSON NOT NULL DEFAULT ('null');
-- sqlite: ALTER TABLE exchange_calls ADD COLUMN IF NOT EXISTS conversion TEXT NOT NULL DEFAULT 'null';

-- down
ALTER TABLE exchange_calls DROP COLUMN IF EXISTS conversion;
