DROP TABLE did_callresults
