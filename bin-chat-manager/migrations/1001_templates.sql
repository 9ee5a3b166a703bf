CREATE TABLE IF NOT EXISTS chat_templates (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    name {exact64} NOT NULL,
    body TEXT NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    -- mysql: live_key {exact64} GENERATED ALWAYS AS (CASE WHEN tm_delete IS NULL THEN name END) STORED,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS chat_templates_by_time ON chat_templates (customer_id, tm_create);
-- mysql: CREATE UNIQUE INDEX IF NOT EXISTS chat_templates_live ON chat_templates (customer_id, live_key);
-- sqlite: CREATE UNIQUE INDEX IF NOT EXISTS chat_templates_live ON chat_templates (customer_id, name) WHERE tm_delete IS NULL;

-- down
DROP TABLE IF EXISTS chat_templates;
