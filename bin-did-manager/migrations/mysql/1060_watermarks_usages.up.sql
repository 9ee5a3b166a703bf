INSERT INTO did_watermarks (name, tm_create, id) VALUES ('usages', '1970-01-01 00:00:00', X'00000000000000000000000000000000')
