CREATE TABLE IF NOT EXISTS chat_queue_entries (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    live_id {uuid} NULL,
    queue_id {uuid} NULL,
    skills {json} NOT NULL,
    priority INTEGER NOT NULL,
    status {exact64} NOT NULL,
    reason {exact64} NOT NULL,
    agent_id {uuid} NULL,
    offer_id {uuid} NULL,
    last_agent_id {uuid} NULL,
    passed {json} NOT NULL,
    hops INTEGER NOT NULL,
    waiting_since {time} NOT NULL,
    tm_timeout {time} NULL,
    tm_assigned {time} NULL,
    tm_first_due {time} NULL,
    tm_first_response {time} NULL,
    tm_next_due {time} NULL,
    tm_resolution_due {time} NULL,
    breaches {json} NOT NULL,
    tm_ended {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS chat_queue_entries_live ON chat_queue_entries (live_id);
CREATE INDEX IF NOT EXISTS chat_queue_entries_by_time ON chat_queue_entries (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS chat_queue_entries_waiting ON chat_queue_entries (customer_id, status, priority, waiting_since);
CREATE INDEX IF NOT EXISTS chat_queue_entries_of_agent ON chat_queue_entries (agent_id, status);
CREATE INDEX IF NOT EXISTS chat_queue_entries_of_queue ON chat_queue_entries (queue_id, status, tm_ended);
CREATE INDEX IF NOT EXISTS chat_queue_entries_of_conversation ON chat_queue_entries (conversation_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_queue_entries;
