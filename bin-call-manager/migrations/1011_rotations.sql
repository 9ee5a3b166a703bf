-- Whose turn it is, for the strategies that take turns.
CREATE TABLE IF NOT EXISTS exchange_rotations (
    call_campaign_id {uuid} NOT NULL,
    counters {mediumtext} NOT NULL,
    PRIMARY KEY (call_campaign_id)
) {table};

-- down
DROP TABLE IF EXISTS exchange_rotations;
