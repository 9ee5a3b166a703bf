CREATE TABLE IF NOT EXISTS chat_queues (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    skills {json} NOT NULL,
    priority INTEGER NOT NULL,
    timeout_seconds INTEGER NOT NULL,
    offer_seconds INTEGER NOT NULL,
    sla {json} NOT NULL,
    hours {json} NOT NULL,
    timezone {exact64} NOT NULL,
    overflow_queue_id {uuid} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_queues_by_time ON chat_queues (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_queues;
