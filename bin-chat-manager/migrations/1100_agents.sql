CREATE TABLE IF NOT EXISTS chat_agents (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    user_id {uuid} NOT NULL,
    name {varchar255} NOT NULL,
    skills {json} NOT NULL,
    capacity INTEGER NOT NULL,
    tm_idle {time} NOT NULL,
    live_user_id {uuid} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_agents_by_time ON chat_agents (customer_id, tm_create);
CREATE UNIQUE INDEX IF NOT EXISTS chat_agents_live ON chat_agents (customer_id, live_user_id);

-- down
DROP TABLE IF EXISTS chat_agents;
