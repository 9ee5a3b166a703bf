CREATE TABLE did_watermarks (
    name TEXT NOT NULL,
    tm_create INTEGER NOT NULL,
    id BLOB NOT NULL,
    PRIMARY KEY (name)
) WITHOUT ROWID
