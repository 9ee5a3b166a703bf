DROP INDEX did_dids_until ON did_dids
