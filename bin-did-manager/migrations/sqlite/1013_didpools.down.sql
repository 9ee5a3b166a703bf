DROP TABLE did_didpools
