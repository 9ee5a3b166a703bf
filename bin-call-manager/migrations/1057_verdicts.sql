-- What the law said when an outbound call was placed, kept as long as the call.
CREATE TABLE IF NOT EXISTS exchange_verdicts (
    call_id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    verdict {json} NOT NULL,
    PRIMARY KEY (call_id)
) {table};

-- down
DROP TABLE IF EXISTS exchange_verdicts;
