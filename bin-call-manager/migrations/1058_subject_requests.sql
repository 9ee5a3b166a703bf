CREATE TABLE IF NOT EXISTS exchange_subject_requests (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    kind {exact64} NOT NULL,
    pseudonym {exact64} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};

-- down
DROP TABLE IF EXISTS exchange_subject_requests;
