-- Customers whose visitors are not let in, as did-manager told last.
CREATE TABLE IF NOT EXISTS chat_suspensions (
    customer_id {uuid} NOT NULL,
    PRIMARY KEY (customer_id)
) {table};

-- down
DROP TABLE IF EXISTS chat_suspensions;
