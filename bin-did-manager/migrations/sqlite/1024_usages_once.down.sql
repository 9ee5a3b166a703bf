DROP INDEX did_usages_once
