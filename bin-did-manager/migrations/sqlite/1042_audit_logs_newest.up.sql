CREATE INDEX did_audit_logs_newest ON did_audit_logs (tm_create)
