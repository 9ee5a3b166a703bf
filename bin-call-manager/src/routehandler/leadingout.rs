//! Where calls would go: out of the exchange. A campaign's own number, or one of another campaign of the customer, would
//! bring the call in again, and again.

use std::collections::BTreeSet;

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};

use super::market::Market;
use crate::{
    dbhandler::numbers,
    models::callcampaign::{CallCampaign, called_number},
};

/// What one decision knows of numbers: each is looked up once.
#[derive(Default)]
pub(super) struct LeadingOut(BTreeSet<String>);

impl LeadingOut {
    /// Whether the campaign's calls may go where this candidate's would.
    ///
    /// # Errors
    /// 503.
    pub(super) async fn may_call(
        &mut self,
        tx: &mut ChangeTx<'_>,
        market: &Market,
        candidate: usize,
        campaign: &CallCampaign,
    ) -> Result<bool> {
        if !market.may_call(candidate, campaign) {
            return Ok(false);
        }
        let Some(number) = market.destination(candidate).and_then(called_number) else {
            return Ok(true);
        };
        let number = number.as_str();
        if self.0.contains(number) {
            return Ok(true);
        }
        if numbers::is_campaigns(tx, campaign.customer_id, number).await? {
            return Ok(false);
        }
        self.0.insert(number.to_owned());
        Ok(true)
    }
}
