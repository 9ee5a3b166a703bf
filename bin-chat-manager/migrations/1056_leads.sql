CREATE TABLE IF NOT EXISTS chat_leads (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    open_conversation_id {uuid} NULL,
    person {exact64} NOT NULL,
    name {varchar255} NOT NULL,
    status {exact64} NOT NULL,
    reason {varchar255} NOT NULL,
    catalog_item_id {uuid} NOT NULL,
    address TEXT NOT NULL,
    urgency {exact64} NOT NULL,
    value_cents {bigint} NOT NULL,
    currency {exact64} NOT NULL,
    in_area BOOLEAN NULL,
    messages INTEGER NOT NULL,
    in_hours BOOLEAN NULL,
    score INTEGER NOT NULL,
    score_inputs {json} NOT NULL,
    call_ids {json} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_leads_by_time ON chat_leads (customer_id, tm_create);
CREATE UNIQUE INDEX IF NOT EXISTS chat_leads_open ON chat_leads (customer_id, open_conversation_id);

-- down
DROP TABLE IF EXISTS chat_leads;
