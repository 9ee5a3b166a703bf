CREATE TABLE did_didpools (
    id BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    name TEXT NOT NULL,
    detail TEXT NOT NULL,
    tm_create INTEGER NOT NULL,
    tm_update INTEGER NOT NULL,
    tm_delete INTEGER NULL,
    PRIMARY KEY (id)
)
