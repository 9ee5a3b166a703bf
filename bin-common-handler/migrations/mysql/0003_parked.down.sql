DROP TABLE IF EXISTS {name}_parked
