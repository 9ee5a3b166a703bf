CREATE TABLE IF NOT EXISTS did_watermarks (
    name {exact64} NOT NULL,
    tm_create {time} NOT NULL,
    id {uuid} NOT NULL,
    PRIMARY KEY (name)
) {table_without_rowid};
-- mysql: INSERT IGNORE INTO did_watermarks (name, tm_create, id) VALUES ('usages', '1970-01-01 00:00:00', X'00000000000000000000000000000000');
-- sqlite: INSERT OR IGNORE INTO did_watermarks (name, tm_create, id) VALUES ('usages', 0, X'00000000000000000000000000000000');

-- down
DROP TABLE IF EXISTS did_watermarks;
