CREATE TABLE did_audit_logs (
    id BLOB NOT NULL,
    customer_id BLOB NOT NULL,
    accesskey_id BLOB NOT NULL,
    request_id TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    resource_id BLOB NOT NULL,
    value_before TEXT NOT NULL,
    value_after TEXT NOT NULL,
    tm_create INTEGER NOT NULL,
    tm_update INTEGER NOT NULL,
    PRIMARY KEY (id)
)
