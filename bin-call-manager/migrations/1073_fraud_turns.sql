-- Rows to be locked: calls of one caller or account are counted one after the other.
CREATE TABLE IF NOT EXISTS exchange_fraud_turns (
    customer_id {uuid} NOT NULL,
    turn {bigint} NOT NULL,
    PRIMARY KEY (customer_id, turn)
) {table};

-- down
DROP TABLE IF EXISTS exchange_fraud_turns;
