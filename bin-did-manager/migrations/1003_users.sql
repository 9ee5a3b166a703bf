CREATE TABLE IF NOT EXISTS did_users (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    email {varchar255} NOT NULL,
    name {varchar255} NOT NULL,
    role {exact64} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    tm_delete {time} NULL,
    -- mysql: live_key {exact255} GENERATED ALWAYS AS (CASE WHEN tm_delete IS NULL THEN email END) STORED,
    PRIMARY KEY (id)
) {table};
-- mysql: CREATE UNIQUE INDEX IF NOT EXISTS did_users_live ON did_users (customer_id, live_key);
-- sqlite: CREATE UNIQUE INDEX IF NOT EXISTS did_users_live ON did_users (customer_id, email) WHERE tm_delete IS NULL;

-- down
DROP TABLE IF EXISTS did_users;
