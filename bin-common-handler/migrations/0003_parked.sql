CREATE TABLE IF NOT EXISTS {name}_parked (
    event_id {uuid} NOT NULL PRIMARY KEY,
    type {varchar64} NOT NULL,
    resource_id {uuid} NOT NULL,
    reason {varchar255} NOT NULL,
    data {mediumtext} NOT NULL,
    tm_create {bigint} NOT NULL
) {table};

-- down
DROP TABLE IF EXISTS {name}_parked;
