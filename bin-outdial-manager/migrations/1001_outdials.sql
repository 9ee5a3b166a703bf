-- The table may be voipbin's, with rows: it is taken as it stands, and `down` leaves both.
CREATE TABLE IF NOT EXISTS outdial_outdials (
    id {uuid} NOT NULL,
    customer_id {uuid},
    campaign_id {uuid},
    name {varchar255},
    detail TEXT,
    data TEXT,
    tm_create {time},
    tm_update {time},
    tm_delete {time},
    PRIMARY KEY (id)
) {table};
-- voipbin writes no tm_update before the first change.
UPDATE outdial_outdials SET tm_update = tm_create WHERE tm_update IS NULL;
CREATE INDEX IF NOT EXISTS outdial_customer_created ON outdial_outdials (customer_id, tm_create);
CREATE INDEX IF NOT EXISTS outdial_campaign_created ON outdial_outdials (campaign_id, tm_create);
CREATE INDEX IF NOT EXISTS outdial_created ON outdial_outdials (tm_create);

-- down
DROP INDEX IF EXISTS outdial_created ON outdial_outdials;
DROP INDEX IF EXISTS outdial_campaign_created ON outdial_outdials;
DROP INDEX IF EXISTS outdial_customer_created ON outdial_outdials;
