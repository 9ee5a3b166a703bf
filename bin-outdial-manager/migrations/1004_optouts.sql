CREATE TABLE IF NOT EXISTS outdial_optouts (
    customer_id {uuid} NOT NULL,
    number {exact64} NOT NULL,
    PRIMARY KEY (customer_id, number)
) {table};

-- down
DROP TABLE IF EXISTS outdial_optouts;
