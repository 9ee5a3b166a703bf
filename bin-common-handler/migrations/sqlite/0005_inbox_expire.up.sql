CREATE INDEX IF NOT EXISTS {name}_inbox_expire ON {name}_inbox (tm_expire)
