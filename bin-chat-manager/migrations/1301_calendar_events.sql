CREATE TABLE IF NOT EXISTS chat_calendar_events (
    calendar_id {uuid} NOT NULL,
    appointment_id {uuid} NOT NULL,
    remote_id {varchar255} NOT NULL,
    sequence {bigint} NOT NULL,
    PRIMARY KEY (calendar_id, appointment_id)
) {table};

-- down
DROP TABLE IF EXISTS chat_calendar_events;
