CREATE TABLE IF NOT EXISTS {name}_incoming (
    seq {serial},
    event_key {hash32} NOT NULL,
    entity {hash32} NOT NULL,
    message_id {varchar255} NOT NULL,
    routing_key {varchar255} NOT NULL,
    version {bigint} NULL,
    customer_id {uuid} NULL,
    payload {mediumblob} NOT NULL,
    attempt INTEGER NOT NULL,
    next_at {bigint} NOT NULL
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS {name}_incoming_event ON {name}_incoming (event_key);
CREATE INDEX IF NOT EXISTS {name}_incoming_entity ON {name}_incoming (entity, seq);

-- down
DROP TABLE IF EXISTS {name}_incoming;
