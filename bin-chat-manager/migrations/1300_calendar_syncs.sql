CREATE TABLE IF NOT EXISTS chat_calendar_syncs (
    calendar_id {uuid} NOT NULL,
    state TEXT NOT NULL,
    failures {bigint} NOT NULL,
    error {varchar255} NOT NULL,
    tm_full {time} NULL,
    tm_sync {time} NULL,
    tm_lease {time} NULL,
    PRIMARY KEY (calendar_id)
) {table};

-- down
DROP TABLE IF EXISTS chat_calendar_syncs;
