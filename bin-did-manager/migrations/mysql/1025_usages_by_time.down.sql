DROP INDEX did_usages_by_time ON did_usages
