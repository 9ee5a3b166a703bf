CREATE TABLE IF NOT EXISTS chat_turns (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    fence {bigint} NOT NULL,
    up_to_seq {bigint} NOT NULL,
    status {exact64} NOT NULL,
    source {exact64} NOT NULL,
    prompt_version {exact64} NOT NULL,
    model {varchar255} NOT NULL,
    tokens_in {bigint} NOT NULL,
    tokens_out {bigint} NOT NULL,
    latency_ms {bigint} NOT NULL,
    intent {exact64} NOT NULL,
    confidence {double} NOT NULL,
    refusal {exact64} NOT NULL,
    refused_text TEXT NOT NULL,
    message_id {uuid} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_turns_by_conversation ON chat_turns (conversation_id, tm_create);
CREATE INDEX IF NOT EXISTS chat_turns_by_time ON chat_turns (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_turns;
