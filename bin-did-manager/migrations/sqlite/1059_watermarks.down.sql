DROP TABLE did_watermarks
