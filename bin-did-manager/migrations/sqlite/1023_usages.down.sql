DROP TABLE did_usages
