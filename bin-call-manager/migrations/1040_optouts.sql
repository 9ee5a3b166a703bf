CREATE TABLE IF NOT EXISTS exchange_optouts (
    customer_id {uuid} NOT NULL,
    number {exact64} NOT NULL,
    PRIMARY KEY (customer_id, number)
) {table};

-- down
DROP TABLE IF EXISTS exchange_optouts;
