DROP TABLE IF EXISTS {name}_identity
