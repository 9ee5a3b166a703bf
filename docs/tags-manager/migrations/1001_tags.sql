CREATE TABLE IF NOT EXISTS tag_tags (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    outdial_id {uuid} NOT NULL,
    label {varchar255} NOT NULL,
    expires_at {time} NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS tag_customer_created ON tag_tags (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS tag_outdial ON tag_tags (outdial_id, tm_delete);

-- down
DROP TABLE IF EXISTS tag_tags;
