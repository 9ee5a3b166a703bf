CREATE TABLE did_rotation_rules (
    id BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    name TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    tiers TEXT NOT NULL,
    sticky BOOLEAN NOT NULL,
    parameters TEXT NOT NULL,
    priority INTEGER NOT NULL,
    valid_from INTEGER NULL,
    valid_to INTEGER NULL,
    tm_create INTEGER NOT NULL,
    tm_update INTEGER NOT NULL,
    tm_delete INTEGER NULL,
    PRIMARY KEY (id)
)
