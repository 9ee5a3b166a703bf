-- The campaign's fixed sums under which an auction was opened; null for auctions that were opened before, which go by their campaign's.
-- mysql: ALTER TABLE exchange_auctions ADD COLUMN IF NOT EXISTS prices JSON NOT NULL DEFAULT ('null');
-- sqlite: ALTER TABLE exchange_auctions ADD COLUMN IF NOT EXISTS prices TEXT NOT NULL DEFAULT 'null';

-- down
ALTER TABLE exchange_auctions DROP COLUMN IF EXISTS prices;
