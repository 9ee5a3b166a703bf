CREATE TABLE IF NOT EXISTS chat_keys (
    name {exact64} NOT NULL,
    sealed TEXT NOT NULL,
    PRIMARY KEY (name)
) {table};

-- down
DROP TABLE IF EXISTS chat_keys;
