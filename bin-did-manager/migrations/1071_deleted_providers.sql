-- Providers that were deleted while deletion left the sealed secret in the row lose it now.
UPDATE did_providers SET secret = '' WHERE tm_delete IS NOT NULL AND secret <> '';

-- down
-- What was wiped does not come back.
