-- What messages mean, as vectors of a model, so that they are found by other words, too. A row without a vector waits for
-- one; another fence is another waiting, so that a vector of words that were changed meanwhile is kept nowhere.
CREATE TABLE IF NOT EXISTS chat_embeddings (
    customer_id {uuid} NOT NULL,
    message_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    model {exact255} NOT NULL,
    status {exact64} NOT NULL,
    tries INTEGER NOT NULL,
    fence {uuid} NOT NULL,
    vector {mediumblob} NULL,
    tm_create {time} NOT NULL,
    PRIMARY KEY (customer_id, message_id)
) {table};
CREATE INDEX IF NOT EXISTS chat_embeddings_by_status ON chat_embeddings (status, tm_create);
CREATE INDEX IF NOT EXISTS chat_embeddings_by_time ON chat_embeddings (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS chat_embeddings_of_conversation ON chat_embeddings (conversation_id);

-- down
DROP TABLE IF EXISTS chat_embeddings;
