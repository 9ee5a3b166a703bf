INSERT INTO did_watermarks (name, tm_create, id) VALUES ('usages', 0, X'00000000000000000000000000000000')
