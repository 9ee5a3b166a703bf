DROP TABLE did_dids
