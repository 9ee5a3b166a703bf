CREATE TABLE IF NOT EXISTS chat_buckets (
    name {exact255} NOT NULL,
    next_free {bigint} NOT NULL,
    PRIMARY KEY (name)
) {table};

-- down
DROP TABLE IF EXISTS chat_buckets;
