DROP TABLE did_performances
