CREATE TABLE IF NOT EXISTS did_audit_logs (
    id {uuid} NOT NULL,
    customer_id {uuid} NOT NULL,
    accesskey_id {uuid} NOT NULL,
    request_id {varchar255} NOT NULL,
    action {exact64} NOT NULL,
    resource {exact64} NOT NULL,
    resource_id {uuid} NOT NULL,
    value_before {mediumtext} NOT NULL,
    value_after {mediumtext} NOT NULL,
    tm_create {time} NOT NULL,
    tm_update {time} NOT NULL,
    PRIMARY KEY (id)
) {table};
CREATE INDEX IF NOT EXISTS did_audit_logs_by_time ON did_audit_logs (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS did_audit_logs_by_resource ON did_audit_logs (resource_id, tm_create);
CREATE INDEX IF NOT EXISTS did_audit_logs_newest ON did_audit_logs (tm_create);

-- down
DROP TABLE IF EXISTS did_audit_logs;
