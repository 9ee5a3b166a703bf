CREATE INDEX outdial_customer_created ON outdial_outdials (customer_id, tm_create);
CREATE INDEX outdial_campaign_created ON outdial_outdials (campaign_id, tm_create);
CREATE INDEX outdial_created ON outdial_outdials (tm_create);
