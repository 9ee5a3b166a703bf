DROP INDEX did_campaigns_live ON did_campaigns
