DROP TABLE did_accesskeys
