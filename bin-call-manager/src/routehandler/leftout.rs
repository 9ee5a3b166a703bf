//! Those that a decision did not look at: what it would have said of them is worked out when somebody asks.

use std::collections::BTreeSet;

use bin_common_handler::{
    context::RequestContext,
    models::{error::Result, time::Timestamp},
};
use serde_json::{Map, Value as Json, json};

use super::facts;
use crate::{
    app::App,
    choice::{
        Candidate, Profile, Reach,
        buyer::AccountStatus,
        call::Seen,
        exclusion::Exclusion,
        explain::{Row, left_out},
        moment::Moment,
    },
    dbhandler::market,
    models::{call::Call, usage::zone},
};

/// So many are named.
const NAMED_MAX: usize = 5_000;

/// Adds them to what was kept about a call that was sold. They are judged as their profiles are now.
///
/// # Errors
/// 503.
pub(super) async fn add(
    app: &App,
    ctx: &RequestContext,
    call: &Call,
    whole: &mut Map<String, Json>,
) -> Result<()> {
    // A refusal names all, and an auction is among those that bid.
    let Some(decided) = call.tm_route.filter(|_| call.auction_id.is_none()) else {
        return Ok(());
    };
    let Some(Json::Array(kept)) = whole.get_mut("candidates") else {
        return Ok(());
    };
    let known: BTreeSet<String> = kept
        .iter()
        .filter_map(|row| row.get("profile_id")?.as_str().map(str::to_owned))
        .collect();
    let rows = rows(app, ctx, call, decided, &known).await?;
    let sentences: Vec<String> = rows.iter().map(|row| row.text.clone()).collect();
    kept.extend(rows.into_iter().map(|row| json!(row)));
    if let Some(Json::String(text)) = whole.get_mut("text") {
        for sentence in sentences {
            text.push('\n');
            text.push_str(&sentence);
        }
    }
    Ok(())
}

async fn rows(
    app: &App,
    ctx: &RequestContext,
    call: &Call,
    decided: Timestamp,
    known: &BTreeSet<String>,
) -> Result<Vec<Row>> {
    let mut tx = app.store.begin(ctx).await?;
    let book = app
        .standing
        .book(&mut tx, call.customer_id, call.call_campaign_id)
        .await?;
    let plain = facts::call(call, Seen::default());
    let (all, _) = book.within(&plain, Reach::All);
    let mut others: Vec<_> = all
        .into_iter()
        .filter(|one| one.row.tm_create <= decided && !known.contains(&one.row.id.to_string()))
        .collect();
    others.sort_by_key(|one| (one.row.buyer_id, one.row.id));
    others.truncate(NAMED_MAX);
    let payers = others.iter().map(|one| one.row.buyer_id);
    let accounts = market::accounts(&mut tx, payers).await?;
    let mut moment = Moment::new(decided);
    let mut rows = Vec::with_capacity(others.len());
    for one in others {
        let Some(account) = accounts.get(&one.row.buyer_id) else {
            continue;
        };
        let one = app.standing.in_zone(one, zone(&account.timezone));
        let buyer = facts::buyer(account, Seen::default(), decided)?;
        let candidate = Candidate {
            buyer: &buyer,
            profile: Some(&one.profile),
            bid: None,
        };
        let why = why(buyer.status, &one.profile, &plain, &mut moment);
        rows.push(left_out(&candidate, why, one.profile.currency));
    }
    Ok(rows)
}

fn why(
    status: AccountStatus,
    profile: &Profile,
    call: &crate::choice::Call,
    moment: &mut Moment,
) -> Exclusion {
    if status != AccountStatus::Active {
        return Exclusion::AccountInactive { status };
    }
    profile
        .admits(call, moment)
        .err()
        .unwrap_or(Exclusion::Outbid)
}
