CREATE INDEX did_rotation_rules_by_customer ON did_rotation_rules (customer_id, tm_create)
