//! The questions to bidders: all at once, each with its own limit, and together no longer than the ping may take.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use bin_common_handler::{
    httphandler::{HttpFault, HttpRequest, HttpResponse, Method},
    models::{error::Result, time::Timestamp},
};
use futures_util::future::join_all;
use serde_json::{Value as Json, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::answer::{ANSWER_BYTES_MAX, Said, read, rejected};
use crate::{
    app::App,
    dbhandler::refusals,
    models::{
        bidprofile::{self, BidProfile},
        callcampaign::CallCampaign,
        ping::{Answer, Dropped, Ping},
    },
};

/// Endpoints that one ping asks.
const ENDPOINTS_MAX: usize = 64;
/// A bid stands so long at least, in seconds: the call must have the time to come.
const EXPIRES_MIN: u64 = 10;

/// Asks the endpoints of these profiles until `until`; the answers, and why others do not count.
pub(super) async fn ask_all(
    app: &App,
    ping: &Ping,
    campaign: &CallCampaign,
    profiles: Vec<BidProfile>,
    until: Instant,
) -> (Vec<Answer>, Vec<Dropped>) {
    let body = json!({
        "ping_id": ping.id, "call_campaign_id": ping.call_campaign_id,
        "from_number": ping.shown_number(), "zip": ping.zip, "state": ping.state, "tags": ping.tags,
    });
    let resting = resting(app, ping, &profiles).await;
    let (resting, profiles): (Vec<_>, Vec<_>) = profiles
        .into_iter()
        .partition(|profile| resting.contains(&profile.buyer_id));
    let profiles = by_turns(profiles);
    let (first, rest) = match profiles.split_at_checked(ENDPOINTS_MAX) {
        Some((first, rest)) => (first.to_vec(), rest.to_vec()),
        None => (profiles, Vec::new()),
    };
    let asked = first
        .iter()
        .map(|profile| ask(app, profile, campaign, &body, until));
    let said = join_all(asked).await;
    let (mut answers, mut dropped) = (Vec::new(), Vec::new());
    for (profile, said) in first.iter().zip(said) {
        match said {
            Ok(answer) => answers.push(answer),
            Err(reason) => dropped.push(drop_of(profile, reason)),
        }
    }
    dropped.extend(
        resting
            .iter()
            .map(|profile| drop_of(profile, "REFUSES_POSTS".to_owned())),
    );
    dropped.extend(
        rest.iter()
            .map(|profile| drop_of(profile, "NOT_ASKED".to_owned())),
    );
    (answers, dropped)
}

/// Who of their buyers is not asked now, as it refused what it had bid for. Where that cannot be read, all are asked.
async fn resting(app: &App, ping: &Ping, profiles: &[BidProfile]) -> BTreeSet<Uuid> {
    let buyers = profiles.iter().map(|profile| profile.buyer_id).collect();
    let now = app.store.clock.now();
    refusals::resting(&app.store.db, ping.customer_id, buyers, now)
        .await
        .unwrap_or_default()
}

/// The best endpoint of each buyer first, then the second of each: a buyer of many shuts nobody out.
fn by_turns(profiles: Vec<BidProfile>) -> Vec<BidProfile> {
    let mut counts: BTreeMap<Uuid, usize> = BTreeMap::new();
    let mut turns: Vec<(usize, BidProfile)> = profiles
        .into_iter()
        .map(|profile| {
            let turn = counts.entry(profile.buyer_id).or_default();
            *turn += 1;
            (*turn, profile)
        })
        .collect();
    // Stable: within a turn they stay in their order.
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, profile)| profile).collect()
}

/// Notes that the answer of a profile's endpoint does not count.
pub(super) fn drop_of(profile: &BidProfile, reason: String) -> Dropped {
    Dropped {
        profile_id: profile.id,
        buyer_id: profile.buyer_id,
        reason,
    }
}

async fn ask(
    app: &App,
    profile: &BidProfile,
    campaign: &CallCampaign,
    body: &Json,
    until: Instant,
) -> std::result::Result<Answer, String> {
    let wait = until.saturating_duration_since(Instant::now());
    let answer = send(app, profile, body, wait, None)
        .await
        .map_err(|fault| fault.as_str().to_ascii_uppercase())?;
    if !answer.status.is_success() {
        return Err(format!("STATUS_{}", answer.status.as_u16()));
    }
    judge(app.store.clock.now(), profile, campaign, read(&answer.body))
}

/// What an answer is worth under the campaign's terms.
fn judge(
    now: Timestamp,
    profile: &BidProfile,
    campaign: &CallCampaign,
    said: Said,
) -> std::result::Result<Answer, String> {
    match said {
        Said::Bid {
            amount,
            currency,
            expires_in_seconds,
            destination,
        } => {
            if !currency.is_empty() && currency != campaign.currency {
                return Err("CURRENCY_MISMATCH".to_owned());
            }
            if expires_in_seconds < EXPIRES_MIN {
                return Err("EXPIRES_TOO_SOON".to_owned());
            }
            let destination = bidprofile::destination(&destination)
                .map_err(|_| "DESTINATION_NOT_ALLOWED".to_owned())?;
            let leads_to = if destination.is_empty() {
                &profile.destination
            } else {
                &destination
            };
            // Nor one that leads nowhere.
            if !campaign.may_call(leads_to) {
                return Err("DESTINATION_NOT_ALLOWED".to_owned());
            }
            Ok(Answer {
                profile_id: profile.id,
                buyer_id: profile.buyer_id,
                amount,
                destination,
                expires: now.plus(Duration::from_secs(expires_in_seconds)),
            })
        }
        Said::No(reason) => Err(rejected(&reason)),
        Said::Broken => Err("BROKEN".to_owned()),
    }
}

/// Posts `body` to the endpoint of a profile, with its headers.
pub(super) async fn send(
    app: &App,
    profile: &BidProfile,
    body: &Json,
    wait: Duration,
    key: Option<&str>,
) -> std::result::Result<HttpResponse, HttpFault> {
    let endpoint = profile.endpoint.0.as_ref().ok_or(HttpFault::BadUrl)?;
    let own = Duration::from_millis(u64::try_from(endpoint.timeout_ms).unwrap_or_default());
    let mut request = HttpRequest::new(Method::POST, endpoint.url.as_str())
        .within(own.min(wait))
        .at_most(ANSWER_BYTES_MAX);
    let headers = headers(app, profile).map_err(|_| HttpFault::BadHeader)?;
    for (name, value) in &headers {
        request = request.header(name, value)?;
    }
    if let Some(key) = key {
        request = request.header("idempotency-key", key)?;
    }
    app.http.send(&request.json(body)?).await
}

fn headers(app: &App, profile: &BidProfile) -> Result<BTreeMap<String, String>> {
    if profile.endpoint_headers.is_empty() {
        return Ok(BTreeMap::new());
    }
    let text = app
        .sealer
        .open(&profile.endpoint_headers, &profile.headers_place())?;
    serde_json::from_str(text.expose()).map_err(bin_common_handler::models::error::Error::internal)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn a_buyer_of_many_endpoints_shuts_nobody_out() {
        let of = |buyer: u128, id: u128| BidProfile {
            id: Uuid::from_u128(id),
            buyer_id: Uuid::from_u128(buyer),
            ..BidProfile::default()
        };
        let mut all: Vec<BidProfile> = (0..100).map(|id| of(1, id)).collect();
        all.extend([of(2, 200), of(3, 300), of(2, 201)]);
        let first: Vec<u128> = by_turns(all)
            .iter()
            .take(6)
            .map(|profile| profile.id.as_u128())
            .collect();
        assert_eq!(first, [0, 200, 300, 1, 201, 2]);
    }

    #[rstest]
    #[case(1, Err("EXPIRES_TOO_SOON"))]
    #[case(9, Err("EXPIRES_TOO_SOON"))]
    #[case(10, Ok(500))]
    #[case(300, Ok(500))]
    fn a_bid_stands_long_enough_for_its_call(
        #[case] expires_in_seconds: u64,
        #[case] expected: std::result::Result<i64, &str>,
    ) {
        let said = Said::Bid {
            amount: 500,
            currency: String::new(),
            expires_in_seconds,
            destination: String::new(),
        };
        let (profile, campaign) = (profile_to("+14155550199"), CallCampaign::default());
        let judged = judge(Timestamp::default(), &profile, &campaign, said);
        let judged = judged.map(|answer| answer.amount);
        assert_eq!(judged, expected.map_err(str::to_owned));
    }

    fn profile_to(destination: &str) -> BidProfile {
        BidProfile {
            destination: destination.to_owned(),
            ..BidProfile::default()
        }
    }

    #[rstest]
    #[case::profiles("+14155550199", "", true)]
    #[case::own("", "+14155550191", true)]
    #[case::own_first("+19005550123", "+14155550191", true)]
    #[case::none("", "", false)]
    #[case::premium("", "+19005550123", false)]
    #[case::profiles_premium("+19005550123", "", false)]
    #[case::no_number("+14155550199", "somewhere", false)]
    fn a_bid_says_where_its_call_would_go_or_its_profile_does(
        #[case] profile: &str,
        #[case] destination: &str,
        #[case] counts: bool,
    ) {
        let said = Said::Bid {
            amount: 500,
            currency: String::new(),
            expires_in_seconds: 30,
            destination: destination.to_owned(),
        };
        let (profile, campaign) = (profile_to(profile), CallCampaign::default());
        let judged = judge(Timestamp::default(), &profile, &campaign, said);
        let refused = (!counts).then(|| "DESTINATION_NOT_ALLOWED".to_owned());
        assert_eq!(judged.err(), refused);
    }
}
