//! How many people were called and found nobody: at most 3 % of a campaign's calls in 30 days, 47 CFR 64.1200(a)(7).

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    models::{error::Result, time::Timestamp},
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::App,
    callcampaignhandler,
    dbhandler::calls::{self, Ended},
    viewer::Viewer,
};

const DAYS: u64 = 30;
/// Millionths of the calls.
const LIMIT: i64 = 30_000;
const WARNED_FROM: i64 = 25_000;
const MILLION: i64 = 1_000_000;

/// Calls of 30 days that found nobody.
#[derive(Debug, PartialEq, Serialize, schemars::JsonSchema)]
pub(crate) struct Abandonment {
    call_campaign_id: Uuid,
    /// Begin of the 30 days.
    since: Timestamp,
    /// Outbound calls that were offered to a buyer and have ended.
    calls: i64,
    /// Those that no buyer answered.
    abandoned: i64,
    /// Their share, in millionths.
    rate_millionths: i64,
    /// The same of what is allowed.
    limit_millionths: i64,
    /// 2.5 % are reached.
    warned: bool,
    /// More than 3 %.
    exceeded: bool,
}

/// The share of a campaign, which the caller must see.
///
/// # Errors
/// 404; 503.
pub(crate) async fn of_campaign(app: &App, ctx: &RequestContext, id: Uuid) -> Result<Abandonment> {
    let viewer = Viewer::of(&app.store, ctx).await?;
    let campaign = callcampaignhandler::find(app, ctx, viewer, id).await?;
    let since = app
        .store
        .clock
        .now()
        .minus(Duration::from_secs(DAYS * 86_400));
    let Ended { calls, answered } = calls::ended(&app.store.db, &campaign, since).await?;
    let abandoned = calls.saturating_sub(answered);
    Ok(judged(campaign.id, since, calls, abandoned))
}

fn judged(call_campaign_id: Uuid, since: Timestamp, calls: i64, abandoned: i64) -> Abandonment {
    let rate = abandoned
        .saturating_mul(MILLION)
        .checked_div(calls)
        .unwrap_or_default();
    Abandonment {
        call_campaign_id,
        since,
        calls,
        abandoned,
        rate_millionths: rate,
        limit_millionths: LIMIT,
        warned: rate >= WARNED_FROM,
        // Not by the rounded rate: 30,001 of a million are too many.
        exceeded: abandoned.saturating_mul(MILLION) > LIMIT.saturating_mul(calls),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, 0, 0, false, false)]
    #[case(1_000, 24, 24_000, false, false)]
    #[case(1_000, 25, 25_000, true, false)]
    #[case(1_000, 30, 30_000, true, false)]
    #[case(1_000, 31, 31_000, true, true)]
    #[case(3_333_333, 100_000, 30_000, true, true)]
    fn three_of_a_hundred_are_allowed(
        #[case] calls: i64,
        #[case] abandoned: i64,
        #[case] rate: i64,
        #[case] warned: bool,
        #[case] exceeded: bool,
    ) {
        let judged = judged(Uuid::nil(), Timestamp::default(), calls, abandoned);
        assert_eq!(
            (judged.rate_millionths, judged.warned, judged.exceeded),
            (rate, warned, exceeded)
        );
    }
}
