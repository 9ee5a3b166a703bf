DROP INDEX did_dids_by_time
