-- Of each number that is dialled where the law is asked: which target has its turn, until when, and when it was called in the
-- last 24 hours, as an array of microseconds.
CREATE TABLE IF NOT EXISTS outdial_turns (
    customer_id {uuid} NOT NULL,
    number {exact64} NOT NULL,
    target_id {uuid} NOT NULL,
    held_until {bigint} NOT NULL,
    attempts TEXT NOT NULL,
    PRIMARY KEY (customer_id, number)
) {table};
CREATE INDEX IF NOT EXISTS outdial_turn_held ON outdial_turns (held_until);

-- down
DROP TABLE IF EXISTS outdial_turns;
