CREATE INDEX did_usages_by_call_id ON did_usages (call_id_ref)
