DROP INDEX did_dids_live ON did_dids
