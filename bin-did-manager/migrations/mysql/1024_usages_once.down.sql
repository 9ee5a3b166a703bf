DROP INDEX did_usages_once ON did_usages
