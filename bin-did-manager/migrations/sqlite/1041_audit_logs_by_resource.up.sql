CREATE INDEX did_audit_logs_by_resource ON did_audit_logs (resource_id, tm_create)
