CREATE TABLE IF NOT EXISTS chat_retentions (
    name {exact64} NOT NULL,
    customer_id {uuid} NOT NULL,
    leased_until {bigint} NOT NULL,
    PRIMARY KEY (name)
) {table};

-- down
DROP TABLE IF EXISTS chat_retentions;
