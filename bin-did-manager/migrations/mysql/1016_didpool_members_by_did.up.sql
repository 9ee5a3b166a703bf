CREATE INDEX did_didpool_members_by_did ON did_didpool_members (did_id)
