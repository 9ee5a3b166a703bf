DROP TABLE did_stickies
