//! Where calls would go: out of the exchange. A campaign's own number, or one of another campaign of the customer, would
//! bring the call in again, and again.

use std::collections::BTreeSet;

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result, phone::called_number};

use super::market::Market;
use crate::{choice::Decision, dbhandler::numbers, models::callcampaign::CallCampaign};

/// What one decision knows of numbers: each is looked up once.
#[derive(Default)]
pub(super) struct LeadingOut(BTreeSet<String>);

impl LeadingOut {
    /// Takes out who was ranked and can have no call of the campaign. Whether there was one; then it is to be decided again.
    ///
    /// # Errors
    /// 503.
    pub(super) async fn refuse(
        &mut self,
        tx: &mut ChangeTx<'_>,
        market: &mut Market,
        decision: &Decision,
        campaign: &CallCampaign,
    ) -> Result<bool> {
        if market.refuse_unreachable(decision, campaign) {
            return Ok(true);
        }
        let Some(winner) = decision.winner else {
            return Ok(false);
        };
        // Numbers are looked up for the two who count: who wins, and whose bid sets the price.
        let rival = market.rivals(decision, winner.candidate).first().copied();
        for candidate in [Some(winner.candidate), rival].into_iter().flatten() {
            if !self.leads_out(tx, market, candidate, campaign).await? {
                market.refuse(candidate);
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn leads_out(
        &mut self,
        tx: &mut ChangeTx<'_>,
        market: &Market,
        candidate: usize,
        campaign: &CallCampaign,
    ) -> Result<bool> {
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
