ALTER TABLE outdial_outdials
    ADD KEY outdial_customer_created (customer_id, tm_create),
    ADD KEY outdial_campaign_created (campaign_id, tm_create),
    ADD KEY outdial_created (tm_create)
