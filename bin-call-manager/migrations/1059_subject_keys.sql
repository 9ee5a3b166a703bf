-- The key of each customer's pseudonyms, sealed.
CREATE TABLE IF NOT EXISTS exchange_subject_keys (
    customer_id {uuid} NOT NULL,
    sealed {exact255} NOT NULL,
    PRIMARY KEY (customer_id)
) {table};

-- down
DROP TABLE IF EXISTS exchange_subject_keys;
