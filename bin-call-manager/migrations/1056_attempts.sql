-- Calls that were placed, by number: the law counts those of 24 hours.
CREATE TABLE IF NOT EXISTS exchange_attempts (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    phone {exact64} NOT NULL,
    tm {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_attempts_by_phone ON exchange_attempts (customer_id, phone, tm);
CREATE INDEX IF NOT EXISTS exchange_attempts_by_age ON exchange_attempts (tm);

-- down
DROP TABLE IF EXISTS exchange_attempts;
