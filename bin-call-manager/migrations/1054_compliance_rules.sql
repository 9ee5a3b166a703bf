-- A customer's own rules, beside those that ship with the program.
CREATE TABLE IF NOT EXISTS exchange_compliance_rules (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    state {exact64} NOT NULL,
    weekday {json} NOT NULL,
    open {exact64} NOT NULL,
    close {exact64} NOT NULL,
    max_per_24h {bigint} NULL,
    holidays BOOLEAN NOT NULL,
    effective_from {exact64} NOT NULL,
    effective_to {exact64} NOT NULL,
    citation {varchar255} NOT NULL,
    source {varchar255} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS exchange_compliance_rules_by_time ON exchange_compliance_rules (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS exchange_compliance_rules;
