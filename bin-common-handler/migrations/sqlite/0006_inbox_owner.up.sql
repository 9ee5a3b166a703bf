CREATE INDEX IF NOT EXISTS {name}_inbox_owner ON {name}_inbox (owner, tm_expire)
