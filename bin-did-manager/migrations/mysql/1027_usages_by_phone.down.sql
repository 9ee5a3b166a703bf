DROP INDEX did_usages_by_phone ON did_usages
