CREATE TABLE IF NOT EXISTS did_didpool_members (
    didpool_id {uuid} NOT NULL,
    did_id {uuid} NOT NULL,
    PRIMARY KEY (didpool_id, did_id)
) {table_without_rowid};
CREATE INDEX IF NOT EXISTS did_didpool_members_by_did ON did_didpool_members (did_id);

-- down
DROP TABLE IF EXISTS did_didpool_members;
