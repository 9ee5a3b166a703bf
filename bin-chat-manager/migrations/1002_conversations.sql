CREATE TABLE IF NOT EXISTS chat_conversations (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    channel {exact64} NOT NULL,
    person {exact255} NOT NULL,
    number {exact64} NOT NULL,
    person_name {varchar255} NOT NULL,
    status {exact64} NOT NULL,
    block_reasons {json} NOT NULL,
    needs_human BOOLEAN NOT NULL,
    ai_state {exact64} NOT NULL,
    window_ends {time} NULL,
    owner_id {uuid} NULL,
    fence {bigint} NOT NULL,
    last_seq {bigint} NOT NULL,
    inbound_seq {bigint} NOT NULL,
    answered_seq {bigint} NOT NULL,
    turn_id {uuid} NULL,
    previous_id {uuid} NULL,
    lead_id {uuid} NULL,
    call_ids {json} NOT NULL,
    findings {json} NOT NULL,
    open_key {exact255} NULL,
    tm_inbound {time} NULL,
    tm_last_message {time} NULL,
    tm_closed {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS chat_conversations_open ON chat_conversations (customer_id, open_key);
CREATE INDEX IF NOT EXISTS chat_conversations_by_time ON chat_conversations (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS chat_conversations_by_person ON chat_conversations (customer_id, person, tm_create);

-- down
DROP TABLE IF EXISTS chat_conversations;
