//! What a campaign said of money when something was offered under it.

use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use super::callcampaign::CallCampaign;

/// The fixed sums of a campaign, kept with an auction or a ping: nobody pays, and nobody gets, what was set after the bids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Prices {
    /// What a buyer pays, in minor units; null = the price of its win.
    pub revenue: Option<i64>,
    /// What the seller gets, in minor units; null = the price.
    pub payout: Option<i64>,
}

impl Prices {
    /// Those of a campaign now, to be kept.
    pub const fn of(campaign: &CallCampaign) -> Json<Option<Self>> {
        Json(Some(Self {
            revenue: campaign.revenue,
            payout: campaign.payout,
        }))
    }

    /// Lets a campaign say what was kept. Nothing was before it was noted at all: then its own words hold.
    pub const fn put(kept: Json<Option<Self>>, campaign: &mut CallCampaign) {
        if let Some(kept) = kept.0 {
            campaign.revenue = kept.revenue;
            campaign.payout = kept.payout;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_holds_whatever_the_campaign_says_now() {
        let mut campaign = CallCampaign {
            revenue: Some(500),
            ..CallCampaign::default()
        };
        let kept = Prices::of(&campaign);
        (campaign.revenue, campaign.payout) = (Some(9_000), Some(1));
        let mut older = campaign.clone();
        Prices::put(kept, &mut campaign);
        assert_eq!((campaign.revenue, campaign.payout), (Some(500), None));
        Prices::put(Json(None), &mut older);
        assert_eq!((older.revenue, older.payout), (Some(9_000), Some(1)));
    }
}
