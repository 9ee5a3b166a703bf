-- The campaign's fixed sums under which a ping was answered; null for pings that were answered before, which go by their campaign's.
-- mysql: ALTER TABLE exchange_pings ADD COLUMN IF NOT EXISTS prices JSON NOT NULL DEFAULT ('null');
-- sqlite: ALTER TABLE exchange_pings ADD COLUMN IF NOT EXISTS prices TEXT NOT NULL DEFAULT 'null';

-- down
ALTER TABLE exchange_pings DROP COLUMN IF EXISTS prices;
