CREATE TABLE IF NOT EXISTS outdial_outdials (
    id BLOB NOT NULL,
    customer_id BLOB,
    campaign_id BLOB,
    name TEXT,
    detail TEXT,
    data TEXT,
    tm_create INTEGER,
    tm_update INTEGER,
    tm_delete INTEGER,
    PRIMARY KEY (id)
)
