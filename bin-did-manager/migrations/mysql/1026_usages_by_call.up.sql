CREATE INDEX did_usages_by_call ON did_usages (call_ref)
