CREATE TABLE IF NOT EXISTS did_rotation_rules (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    algorithm {exact64} NOT NULL,
    tiers {json} NOT NULL,
    sticky BOOLEAN NOT NULL,
    parameters {json} NOT NULL,
    priority INTEGER NOT NULL,
    valid_from {time} NULL,
    valid_to {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS did_rotation_rules_by_customer ON did_rotation_rules (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS did_rotation_rules;
