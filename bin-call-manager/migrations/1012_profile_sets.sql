-- How often a customer's bid profiles changed: who knows them at this version knows them as they are.
CREATE TABLE IF NOT EXISTS exchange_profile_sets (
    customer_id {uuid} NOT NULL,
    version {bigint} NOT NULL,
    PRIMARY KEY (customer_id)
) {table};

-- down
DROP TABLE IF EXISTS exchange_profile_sets;
