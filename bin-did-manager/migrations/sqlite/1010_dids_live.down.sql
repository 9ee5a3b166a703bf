DROP INDEX did_dids_live
