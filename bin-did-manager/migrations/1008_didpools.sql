CREATE TABLE IF NOT EXISTS did_didpools (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    detail TEXT NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS did_didpools_by_customer ON did_didpools (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS did_didpools;
