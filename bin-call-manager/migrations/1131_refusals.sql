-- Buyers that refused calls that they had bid for: how often in a row, until when they rest, and when that is forgotten.
CREATE TABLE IF NOT EXISTS exchange_refusals (
    customer_id {uuid} NOT NULL,
    buyer_id {uuid} NOT NULL,
    in_a_row INTEGER NOT NULL,
    rests_until {time} NOT NULL,
    expires {time} NOT NULL,
    PRIMARY KEY (customer_id, buyer_id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_refusals_old ON exchange_refusals (expires);

-- down
DROP TABLE IF EXISTS exchange_refusals;
