-- Why a call went where it went, kept as long as the call.
CREATE TABLE IF NOT EXISTS exchange_decisions (
    call_id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    explanation {mediumtext} NOT NULL,
    PRIMARY KEY (call_id)
) {table};

-- down
DROP TABLE IF EXISTS exchange_decisions;
