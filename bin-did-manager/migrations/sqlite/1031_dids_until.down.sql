DROP INDEX did_dids_until
