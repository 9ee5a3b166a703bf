DROP INDEX did_usages_by_did ON did_usages
