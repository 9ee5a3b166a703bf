-- A number belongs to one live campaign of the installation.
CREATE TABLE IF NOT EXISTS exchange_call_campaign_numbers (
    number {exact64} NOT NULL,
    customer_id {uuid} NOT NULL,
    call_campaign_id {uuid} NOT NULL,
    PRIMARY KEY (number)
) {table};
CREATE INDEX IF NOT EXISTS exchange_numbers_by_campaign ON exchange_call_campaign_numbers (call_campaign_id);

-- down
DROP TABLE IF EXISTS exchange_call_campaign_numbers;
