DROP TABLE IF EXISTS {name}_inbox
