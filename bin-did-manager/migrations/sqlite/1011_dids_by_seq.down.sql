DROP INDEX did_dids_by_seq
