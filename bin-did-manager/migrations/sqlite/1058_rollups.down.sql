DROP TABLE did_rollups
