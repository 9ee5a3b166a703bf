DROP INDEX outdial_created;
DROP INDEX outdial_campaign_created;
DROP INDEX outdial_customer_created;
