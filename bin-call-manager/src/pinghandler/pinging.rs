//! The ping: what would a call bring?

use std::{collections::BTreeMap, time::Duration};

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        error::Result,
        identity::optional_owner,
        text::{hex, null_is_default},
    },
    resource,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use sqlx::types::Json;
use tokio::time::Instant;
use tracing::debug;
use uuid::Uuid;

use super::{apart, asking};
use crate::{
    app::App,
    callhandler::{
        create::{check_facts, number},
        ensure_seller,
    },
    dbhandler::pings,
    fraudhandler,
    models::{
        call::{Call, Source},
        callcampaign::CallCampaign,
        fraudcheck::FraudAction,
        ping::{Ping, PingReply, PingStatus, Reject},
        prices::Prices,
    },
    routehandler::offers::{self, Preview},
    turns,
    viewer::Viewer,
};

/// How long an offer stands where no bidder says less.
const OFFER: Duration = Duration::from_secs(30);
/// How long a "nobody" stands: so long nobody is asked again about the same call.
const REJECTION: Duration = Duration::from_secs(5);
/// A claim stands so much longer than bidders have: for our own work after them.
const CLAIM_GRACE: Duration = Duration::from_secs(2);
/// The part of a ping's time that is kept for our own work.
const OWN_PART: u32 = 8;

/// Body of `POST /v1/pings`.
#[derive(Debug, Clone, Deserialize, schemars::JsonSchema)]
pub(crate) struct PingCreate {
    #[serde(default, deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    call_campaign_id: Uuid,
    #[serde(default, deserialize_with = "null_is_default")]
    from_number: String,
    #[serde(default, deserialize_with = "null_is_default")]
    zip: String,
    #[serde(default, deserialize_with = "null_is_default")]
    state: String,
    #[serde(default, deserialize_with = "null_is_default")]
    tags: BTreeMap<String, String>,
    /// Whether bidders see the whole number.
    #[serde(default, deserialize_with = "null_is_default")]
    expose_caller_id: bool,
}

/// Asks what a call would bring. The same question before its answer expires has the same answer.
///
/// # Errors
/// 400, 404, 503; that nobody takes the call is an answer.
pub(crate) async fn ping(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    mut body: PingCreate,
) -> Result<PingReply> {
    let started = Instant::now();
    let viewer = Viewer::of(&app.store, ctx).await?;
    check_facts(&body.zip, &body.state, &body.tags)?;
    if !body.from_number.is_empty() {
        body.from_number = number("from_number", &body.from_number)?;
    }
    let customer_id = ctx.scope.required_owner(body.customer_id.or(named))?;
    let found = app
        .store
        .get::<CallCampaign>(body.call_campaign_id)
        .await?
        .filter(|campaign| campaign.customer_id == customer_id)
        .filter(|campaign| viewer.sees(None, Some(campaign.seller_id)));
    let campaign = found.ok_or_else(resource::not_found::<CallCampaign>)?;
    let is_operator = viewer == Viewer::Operator;
    // Who asks the same at the same time waits for the first answer.
    let digest = new_ping(app, &campaign, body.clone()).digest;
    let _turn = app.turns.of_ping(ctx, turn_of(&digest)).await?;
    loop {
        let now = app.store.clock.now();
        let same = pings::same(&app.store.db, customer_id, &digest, now).await?;
        if let Some(same) = same {
            return Ok(same.reply(true, is_operator));
        }
        let ping = new_ping(app, &campaign, body.clone());
        let asked = Box::pin(ask(app, ctx, &campaign, ping, started, is_operator)).await?;
        if let Some(reply) = asked {
            return Ok(reply);
        }
        // Another process asks the same; its answer is this one's.
        turns::pause(ctx, started).await?;
    }
}

/// Asks and answers, unless another process does.
async fn ask(
    app: &App,
    ctx: &RequestContext,
    campaign: &CallCampaign,
    mut ping: Ping,
    started: Instant,
    is_operator: bool,
) -> Result<Option<PingReply>> {
    let until = started + wait(campaign);
    let answered = async {
        if !decide(app, ctx, campaign, &mut ping, until).await? {
            return Ok(None);
        }
        let mut tx = app.store.begin(ctx).await?;
        if !pings::claim(&mut tx, &ping, ping.expires).await? {
            return Ok(None);
        }
        tx.insert(&ping).await?;
        tx.commit(ping.clone().reply(false, is_operator))
            .await
            .map(Some)
    };
    let answered: Result<Option<PingReply>> = answered.await;
    if answered.is_err()
        && let Err(error) = give_back(app, ctx, &ping).await
    {
        // It ends by itself.
        debug!(%error, "the claim of a ping that failed stands a while");
    }
    answered
}

/// Nobody answers under this ping: whoever asks again need not wait for its end.
async fn give_back(app: &App, ctx: &RequestContext, ping: &Ping) -> Result<()> {
    let apart = apart(ctx);
    let mut tx = app.store.begin(&apart).await?;
    pings::release(&mut tx, ping).await?;
    tx.commit(()).await
}

/// How long bidders have.
fn wait(campaign: &CallCampaign) -> Duration {
    let all = Duration::from_millis(u64::try_from(campaign.ping_ms).unwrap_or_default());
    all.saturating_sub(all / OWN_PART)
}

fn new_ping(app: &App, campaign: &CallCampaign, body: PingCreate) -> Ping {
    let now = app.store.clock.now();
    let destination = campaign.numbers.0.first().cloned();
    let mut ping = Ping {
        id: ids::next(),
        customer_id: campaign.customer_id,
        call_campaign_id: campaign.id,
        seller_id: campaign.seller_id,
        from_number: body.from_number,
        expose_caller_id: body.expose_caller_id,
        zip: body.zip,
        state: body.state,
        tags: Json(body.tags),
        prices: Prices::of(campaign),
        currency: campaign.currency.clone(),
        destination: destination.unwrap_or_default(),
        tm_create: now,
        tm_update: now,
        ..Ping::default()
    };
    ping.digest = digest(&ping);
    ping
}

/// Everything that makes two pings one question; each part is preceded by its length.
fn digest(ping: &Ping) -> String {
    let mut digest = Sha256::new();
    let mut add = |part: &[u8]| {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    };
    add(ping.customer_id.as_bytes());
    add(ping.seller_id.as_bytes());
    add(ping.call_campaign_id.as_bytes());
    for text in [&ping.from_number, &ping.zip, &ping.state] {
        add(text.as_bytes());
    }
    for (key, value) in &ping.tags.0 {
        add(key.as_bytes());
        add(value.as_bytes());
    }
    add(&[u8::from(ping.expose_caller_id)]);
    hex(&digest.finalize())
}

fn turn_of(digest: &str) -> Uuid {
    let bits = digest
        .get(..32)
        .and_then(|hex| u128::from_str_radix(hex, 16).ok());
    Uuid::from_u128(bits.unwrap_or_default())
}

/// The call as it would be made of a ping.
pub(super) fn call_of(ping: &Ping) -> Call {
    Call {
        id: ids::next(),
        customer_id: ping.customer_id,
        call_campaign_id: ping.call_campaign_id,
        from_number: ping.from_number.clone(),
        to_number: ping.destination.clone(),
        seller_id: ping.seller_id,
        currency: ping.currency.clone(),
        tags: ping.tags.clone(),
        zip: ping.zip.clone(),
        state: ping.state.clone(),
        source: Source::Ping,
        ..Call::default()
    }
}

/// Asks who may have the call, and fills in what comes of it; false where another process asks the same.
async fn decide(
    app: &App,
    ctx: &RequestContext,
    campaign: &CallCampaign,
    ping: &mut Ping,
    until: Instant,
) -> Result<bool> {
    let now = app.store.clock.now();
    let call = call_of(ping);
    let learned = app.model.score(&call).await;
    let apart = apart(ctx);
    let mut tx = app.store.begin(&apart).await?;
    if let Some(reject) = forbidden(app, &mut tx, &call, campaign, learned).await? {
        reject_with(ping, reject, now.plus(REJECTION));
        return Ok(true);
    }
    let askable = Box::pin(offers::askable(&mut tx, &app.standing, &call, campaign)).await?;
    if !askable.is_empty() {
        // Nobody is asked while a transaction is open.
        drop(tx);
        if !claim_to_ask(app, ctx, campaign, ping).await? {
            return Ok(false);
        }
        let asked = asking::ask_all(app, ping, campaign, askable, until);
        let (answers, dropped) = Box::pin(asked).await;
        (ping.answers, ping.dropped) = (Json(answers), Json(dropped));
        tx = app.store.begin(&apart).await?;
    }
    let preview = Box::pin(offers::preview(
        &mut tx,
        &app.standing,
        &call,
        campaign,
        ping,
    ))
    .await?;
    settle(app, campaign, ping, &preview);
    Ok(true)
}

/// The bidders are this ping's to ask: before the first of them is, as another process may be about to.
async fn claim_to_ask(
    app: &App,
    ctx: &RequestContext,
    campaign: &CallCampaign,
    ping: &Ping,
) -> Result<bool> {
    let apart = apart(ctx);
    let mut tx = app.store.begin(&apart).await?;
    let until = tx.now().plus(wait(campaign)).plus(CLAIM_GRACE);
    let is_ours = pings::claim(&mut tx, ping, until).await?;
    tx.commit(is_ours).await
}

/// What is against the call whoever would take it.
async fn forbidden(
    app: &App,
    tx: &mut ChangeTx<'_>,
    call: &Call,
    campaign: &CallCampaign,
    learned: crate::modelhandler::Learned,
) -> Result<Option<Reject>> {
    if campaign.tm_delete.is_some() {
        return Ok(Some(Reject::Disabled));
    }
    match ensure_seller(tx, campaign.seller_id).await {
        Err(error) if error.status().code() >= 500 => return Err(error),
        Err(_) => return Ok(Some(Reject::Disabled)),
        Ok(()) => {}
    }
    if call.from_number.is_empty() {
        return Ok(Some(Reject::CallerIdRequired));
    }
    let verdict = fraudhandler::look(tx, call, campaign, learned, &app.sealer).await?;
    let is_blocked = verdict.action == FraudAction::Block;
    Ok(is_blocked.then(|| fraudhandler::reject(&verdict)))
}

fn settle(app: &App, campaign: &CallCampaign, ping: &mut Ping, preview: &Preview) {
    let now = app.store.clock.now();
    let Some(price) = preview.price else {
        let rules = preview.rows.iter().filter_map(|row| row.excluded_by);
        reject_with(ping, Reject::of(rules), now.plus(REJECTION));
        return;
    };
    let latest = now.plus(OFFER);
    ping.status = PingStatus::Offered;
    ping.amount = campaign.payout.unwrap_or(price);
    ping.expires = preview
        .expires
        .map_or(latest, |expires| expires.min(latest));
}

fn reject_with(
    ping: &mut Ping,
    reject: Reject,
    until: bin_common_handler::models::time::Timestamp,
) {
    ping.status = PingStatus::Rejected;
    ping.reject_code = Some(reject.code());
    reject.reason().clone_into(&mut ping.reject_reason);
    ping.expires = until;
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::same(|_: &mut Ping| {}, true)]
    #[case::other_id(|p: &mut Ping| p.id = Uuid::from_u128(9), true)]
    #[case::caller(|p: &mut Ping| p.from_number.push('1'), false)]
    #[case::exposed(|p: &mut Ping| p.expose_caller_id = true, false)]
    #[case::seller(|p: &mut Ping| p.seller_id = Uuid::from_u128(9), false)]
    #[case::tag(|p: &mut Ping| { p.tags.0.insert("a".to_owned(), "b".to_owned()); }, false)]
    #[case::moved(|p: &mut Ping| std::mem::swap(&mut p.zip, &mut p.state), false)]
    fn the_same_question_has_the_same_digest(#[case] change: fn(&mut Ping), #[case] same: bool) {
        let ping = Ping {
            from_number: "+14155550123".to_owned(),
            zip: "94105".to_owned(),
            state: "CA".to_owned(),
            ..Ping::default()
        };
        let mut other = ping.clone();
        change(&mut other);
        assert_eq!(digest(&ping) == digest(&other), same);
    }
}
