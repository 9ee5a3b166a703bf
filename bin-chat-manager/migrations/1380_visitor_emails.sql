-- Mail addresses that visitors named, and whether they proved that its mail reaches them. A row keeps its address, so that
-- mails to one are counted whatever a visitor names next; the newest of a session counts.
CREATE TABLE IF NOT EXISTS chat_visitor_emails (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    session_id {uuid} NOT NULL,
    conversation_id {uuid} NOT NULL,
    email {exact255} NOT NULL,
    code_hash {hash32} NOT NULL,
    tries INTEGER NOT NULL,
    mails INTEGER NOT NULL,
    tm_expire {time} NOT NULL,
    tm_confirmed {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_visitor_emails_by_email ON chat_visitor_emails (customer_id, email);
CREATE INDEX IF NOT EXISTS chat_visitor_emails_of_conversation ON chat_visitor_emails (conversation_id);
CREATE INDEX IF NOT EXISTS chat_visitor_emails_by_time ON chat_visitor_emails (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_visitor_emails;
