-- Calls that nobody bought, oldest first: they end after a while.
CREATE INDEX IF NOT EXISTS exchange_calls_by_status ON exchange_calls (status, tm_create);

-- down
DROP INDEX IF EXISTS exchange_calls_by_status ON exchange_calls;
