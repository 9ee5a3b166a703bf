CREATE INDEX did_audit_logs_by_time ON did_audit_logs (customer_id, tm_create)
