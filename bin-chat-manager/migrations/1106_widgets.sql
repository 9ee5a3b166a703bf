CREATE TABLE IF NOT EXISTS chat_widgets (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    public_id {exact64} NOT NULL,
    name {varchar255} NOT NULL,
    greeting TEXT NOT NULL,
    colors {json} NOT NULL,
    hours {json} NOT NULL,
    timezone {exact64} NOT NULL,
    origins {json} NOT NULL,
    queue_id {uuid} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE UNIQUE INDEX IF NOT EXISTS chat_widgets_public ON chat_widgets (public_id);
CREATE INDEX IF NOT EXISTS chat_widgets_by_time ON chat_widgets (customer_id, tm_create);

-- down
DROP TABLE IF EXISTS chat_widgets;
