CREATE TABLE did_users (
    id BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    email TEXT NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    tm_create INTEGER NOT NULL,
    tm_update INTEGER NOT NULL,
    tm_delete INTEGER NULL,
    PRIMARY KEY (id)
)
