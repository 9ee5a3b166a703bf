DROP TABLE did_campaigns
