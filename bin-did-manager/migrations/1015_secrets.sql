CREATE TABLE IF NOT EXISTS did_secrets (
    name {exact64} NOT NULL,
    secret {hash32} NOT NULL,
    PRIMARY KEY (name)
) {table_without_rowid};

-- down
DROP TABLE IF EXISTS did_secrets;
