ALTER TABLE outdial_outdials
    DROP KEY outdial_customer_created,
    DROP KEY outdial_campaign_created,
    DROP KEY outdial_created
