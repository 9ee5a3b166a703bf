//! When somebody may be written to who asked for nothing: call-manager knows the law of calls and texts (47 CFR 64.1200).

use bin_common_handler::{
    context::RequestContext,
    models::{identity::Scope, time::Timestamp},
};
use chrono::{DateTime, TimeDelta, Timelike};
use chrono_tz::Tz;
use serde::Deserialize;
use serde_json::json;

use crate::{
    app::App,
    models::{business::Business, conversation::Conversation},
};

/// Who knows the law.
const LAW: &str = "call-manager";
/// When somebody may be written to where the law is not to be had: an hour less on both sides than 47 CFR 64.1200(c)(1)
/// allows, as the person may live in the next zone.
const FROM_HOUR: u32 = 9;
const TO_HOUR: u32 = 20;

/// When somebody may be written to who asked for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum May {
    /// At once.
    Now,
    /// From then on.
    At(Timestamp),
    /// Not as far as is known.
    Never,
}

/// What the law says, as far as it is needed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Verdict {
    allowed: bool,
    next_allowed: Option<Timestamp>,
}

impl Verdict {
    fn may(&self, now: Timestamp) -> May {
        match self.next_allowed {
            _ if self.allowed => May::Now,
            Some(at) if at > now => May::At(at),
            _ => May::Never,
        }
    }
}

/// What the law says of a text to this person; by the business's clock where nobody can be asked.
pub(crate) async fn may(app: &App, business: &Business, of: &Conversation, now: Timestamp) -> May {
    let mut ctx = RequestContext::internal();
    ctx.scope = Scope::tenant(business.customer_id);
    let question = json!({
        "customer_id": business.customer_id, "phone": of.person, "at": now,
        "purpose": "service", "address": { "zip": of.findings.0.zip },
    });
    let uri = "/v1/compliance/checks";
    let asked = app.rpc.post::<Verdict>(LAW, uri, &question, &ctx).await;
    match asked {
        Ok(verdict) => verdict.may(now),
        Err(_) => by_clock(&business.timezone, now),
    }
}

fn by_clock(zone: &str, now: Timestamp) -> May {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    let Some(local) = DateTime::from_timestamp_micros(now.micros()) else {
        return May::Never;
    };
    let local = local.with_timezone(&zone);
    if (FROM_HOUR..TO_HOUR).contains(&local.hour()) {
        return May::Now;
    }
    let day = if local.hour() < FROM_HOUR { 0 } else { 1 };
    let morning = (local.date_naive() + TimeDelta::days(day))
        .and_hms_opt(FROM_HOUR, 0, 0)
        .and_then(|at| at.and_local_timezone(zone).earliest());
    morning.map_or(May::Never, |at| {
        May::At(Timestamp::from_micros(at.timestamp_micros()))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("2026-11-27T13:59:59Z", May::At("2026-11-27T14:00:00Z".parse().unwrap()))]
    #[case("2026-11-27T14:00:00Z", May::Now)]
    #[case("2026-11-28T00:59:59Z", May::Now)]
    #[case("2026-11-28T01:00:00Z", May::At("2026-11-28T14:00:00Z".parse().unwrap()))]
    fn nobody_is_reminded_at_night(#[case] now: &str, #[case] expected: May) {
        assert_eq!(by_clock("America/New_York", now.parse().unwrap()), expected);
    }

    #[rstest]
    #[case(true, None, May::Now)]
    #[case(false, Some("2026-11-28T13:00:00Z"), May::At("2026-11-28T13:00:00Z".parse().unwrap()))]
    #[case(false, Some("2026-11-20T13:00:00Z"), May::Never)]
    #[case(false, None, May::Never)]
    fn the_law_is_obeyed(#[case] allowed: bool, #[case] next: Option<&str>, #[case] expected: May) {
        let verdict = Verdict {
            allowed,
            next_allowed: next.map(|at| at.parse().unwrap()),
        };
        let now = "2026-11-27T12:00:00Z".parse().unwrap();
        assert_eq!(verdict.may(now), expected);
    }
}
