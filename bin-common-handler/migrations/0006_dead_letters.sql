CREATE TABLE IF NOT EXISTS {name}_dead_letters (
    id {serial},
    source {varchar32} NOT NULL,
    kind {varchar255} NOT NULL,
    subject {varchar255} NOT NULL,
    message_id {varchar255} NOT NULL,
    attempt INTEGER NOT NULL,
    reason {varchar255} NOT NULL,
    payload {mediumblob} NOT NULL,
    tm_create {bigint} NOT NULL
) {table};

-- down
DROP TABLE IF EXISTS {name}_dead_letters;
