CREATE TABLE did_secrets (
    name TEXT NOT NULL,
    secret BLOB NOT NULL,
    PRIMARY KEY (name)
) WITHOUT ROWID
