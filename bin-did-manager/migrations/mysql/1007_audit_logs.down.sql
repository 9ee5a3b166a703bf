DROP TABLE did_audit_logs
