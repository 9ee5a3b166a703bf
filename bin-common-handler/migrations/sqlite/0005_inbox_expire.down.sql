DROP INDEX IF EXISTS {name}_inbox_expire
