CREATE TABLE IF NOT EXISTS chat_presence_devices (
    presence_id {uuid} NOT NULL,
    device {exact64} NOT NULL,
    status {exact64} NOT NULL,
    expires_at {time} NOT NULL,
    PRIMARY KEY (presence_id, device)
) {table};

-- down
DROP TABLE IF EXISTS chat_presence_devices;
