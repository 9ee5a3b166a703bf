CREATE TABLE did_accesskeys (
    id BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    scopes TEXT NOT NULL,
    number_format TEXT NULL,
    rate_per_second INTEGER NULL,
    rate_burst INTEGER NULL,
    tm_expire INTEGER NULL,
    tm_used INTEGER NULL,
    tm_create INTEGER NOT NULL,
    tm_update INTEGER NOT NULL,
    tm_delete INTEGER NULL,
    PRIMARY KEY (id)
)
