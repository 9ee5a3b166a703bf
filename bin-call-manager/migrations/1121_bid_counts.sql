-- Whether a win counts towards its account's caps already; null for bids that were won before this was noted.
ALTER TABLE exchange_bids ADD COLUMN IF NOT EXISTS counted BOOLEAN NULL;

-- down
ALTER TABLE exchange_bids DROP COLUMN IF EXISTS counted;
