//! Handing out only targets that may be called now.
//!
//! call-manager is asked about the targets that would be handed out, before any is taken. One that may not be called is
//! put off until the verdict's next instant, so that nobody is asked about it before; those behind it come up. An
//! answer that cannot be had is 503: an empty list would end a campaign.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use bin_common_handler::{
    config::shared::CALL_MANAGER_NAME,
    context::RequestContext,
    daemon::{ManagerContext, StartError},
    models::{
        address::AddressType,
        error::{Error, Result},
        time::Timestamp,
    },
    phone,
    requesthandler::RpcClient,
};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use super::OutdialTargetHandler;
use crate::{
    dbhandler::available::{self, Limits},
    models::{
        outdial::Outdial,
        outdialtarget::{DESTINATIONS, OutdialTarget},
    },
};

/// Announced when a number was called, where the law counts.
pub(crate) const ATTEMPTED: &str = "outdialtargetcall_created";
const CHECKS: &str = "/v1/compliance/checks/bulk";
/// Questions of one request.
const CHECKS_MAX: usize = 1_000;
/// Targets that are looked at when those before them may not be called.
const REACH: u32 = 200;
/// How often others are looked for, when those that were seen may not be called.
const ROUNDS_MAX: u32 = 16;
/// Where the verdict names no instant, it is asked again after this.
const ASKED_AGAIN: Duration = Duration::from_secs(86_400);
/// What is put off is put off for this at least: the clocks of two services differ.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// Why a number that is none may not be called.
const NO_NUMBER: &str = "TIMEZONE_UNKNOWN";

type Count = Arc<dyn Fn(&str) + Send + Sync>;

/// Who knows the law.
#[derive(Clone)]
pub(crate) struct Law {
    rpc: RpcClient,
    service: String,
    skipped: Count,
}

impl fmt::Debug for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Law")
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// What call-manager says of one call.
#[derive(Debug, Deserialize)]
struct Verdict {
    allowed: bool,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    next_allowed: Option<Timestamp>,
}

/// A target that may not be called, and until when it is put off; none = nobody knows.
#[derive(Debug, PartialEq)]
struct Refused {
    id: Uuid,
    rule: String,
    until: Option<Timestamp>,
}

impl Law {
    pub(crate) fn new(ctx: &ManagerContext) -> std::result::Result<Self, StartError> {
        let skipped = ctx
            .metrics
            .counter(
                "skipped_total",
                "Targets that may not be called, by rule",
                &["rule"],
            )
            .map_err(|fault| StartError::Other(fault.to_string()))?;
        let named = ctx.config.get(&CALL_MANAGER_NAME);
        let service = if named.is_empty() {
            "call-manager".to_owned()
        } else {
            named
        };
        Ok(Self {
            rpc: ctx.rpc.clone(),
            service,
            skipped: Arc::new(move |rule| skipped.with_label_values(&[rule]).inc()),
        })
    }

    /// Those of some targets that may not be called.
    ///
    /// # Errors
    /// 503 when nobody answers.
    async fn refused(
        &self,
        ctx: &RequestContext,
        customer_id: Uuid,
        targets: &[OutdialTarget],
        limits: &Limits,
    ) -> Result<Vec<Refused>> {
        let (mut asked, mut refused) = (Vec::new(), Vec::new());
        for target in targets {
            for number in numbers(target, limits) {
                match phone::parse(number) {
                    Ok(number) => asked.push((target.id, number.as_str().to_owned())),
                    Err(_) => refused.push(Refused {
                        id: target.id,
                        rule: NO_NUMBER.to_owned(),
                        until: None,
                    }),
                }
            }
        }
        for some in asked.chunks(CHECKS_MAX) {
            let verdicts = self.ask(ctx, customer_id, some).await?;
            if verdicts.len() != some.len() {
                return Err(Error::unavailable(
                    "call-manager",
                    "not every question was answered",
                ));
            }
            let pairs = some
                .iter()
                .zip(verdicts)
                .filter(|(_, verdict)| !verdict.allowed);
            refused.extend(pairs.map(|((id, _), verdict)| Refused {
                id: *id,
                rule: verdict.rule.unwrap_or_default(),
                until: verdict.next_allowed,
            }));
        }
        Ok(latest(refused))
    }

    async fn ask(
        &self,
        ctx: &RequestContext,
        customer_id: Uuid,
        asked: &[(Uuid, String)],
    ) -> Result<Vec<Verdict>> {
        let checks: Vec<Json> = asked
            .iter()
            .map(|(_, phone)| json!({"phone": phone, "purpose": "marketing", "direction": "outbound"}))
            .collect();
        let body = json!({"customer_id": customer_id, "checks": checks});
        // A question has no effect that would have to be done once.
        let ctx = RequestContext {
            operation: None,
            origin: None,
            ..ctx.clone()
        };
        let asked = self.rpc.post(&self.service, CHECKS, &body, &ctx).await;
        asked.map_err(|error| match error.status().code() {
            503 => error,
            _ => Error::unavailable("call-manager", error.message().to_owned()),
        })
    }
}

/// The phone numbers of a target that its caller might dial.
fn numbers<'t>(target: &'t OutdialTarget, limits: &Limits) -> Vec<&'t str> {
    let destinations: [(&_, i32); DESTINATIONS] = [
        (&target.destination_0, target.try_count_0),
        (&target.destination_1, target.try_count_1),
        (&target.destination_2, target.try_count_2),
        (&target.destination_3, target.try_count_3),
        (&target.destination_4, target.try_count_4),
    ];
    let mut numbers = Vec::with_capacity(1);
    for (at, (destination, tried)) in destinations.into_iter().enumerate() {
        let is_admitted = u32::try_from(tried).is_ok_and(|tried| tried < limits.tries(at));
        if let Some(address) = &destination.0
            && is_admitted
            && address.kind == AddressType::Tel
        {
            numbers.push(address.target.as_str());
        }
    }
    numbers
}

/// One line for each target: it may be called when all of its numbers may.
fn latest(refused: Vec<Refused>) -> Vec<Refused> {
    let mut by_target: Vec<Refused> = Vec::new();
    for next in refused {
        match by_target.iter_mut().find(|known| known.id == next.id) {
            Some(known) => {
                known.until = known
                    .until
                    .zip(next.until)
                    .map(|(one, other)| one.max(other))
            }
            None => by_target.push(next),
        }
    }
    by_target
}

impl OutdialTargetHandler {
    /// Targets that may be called now; taken, unless the caller only looks.
    ///
    /// # Errors
    /// 503 when call-manager is away, or too many targets may not be called.
    pub(super) async fn lawful(
        &self,
        ctx: &RequestContext,
        law: &Law,
        outdial: &Outdial,
        limits: &Limits,
        looks: bool,
    ) -> Result<Vec<OutdialTarget>> {
        available::forget_old_leases(&self.store.db, outdial.id).await?;
        for round in 0..ROUNDS_MAX {
            let count = if round == 0 {
                limits.count()
            } else {
                limits.count().max(REACH)
            };
            let seen = available::look(&self.store.db, outdial.id, &limits.of(count)).await?;
            let refused = law.refused(ctx, outdial.customer_id, &seen, limits).await?;
            self.put_off(law, &refused).await?;
            let skipped: BTreeSet<Uuid> = refused.iter().map(|refused| refused.id).collect();
            let mut allowed = seen;
            let reached = allowed.len();
            allowed.retain(|target| !skipped.contains(&target.id));
            // Fewer than wanted, and there may be more behind those that were put off.
            let is_end = reached < count as usize;
            if !is_end && allowed.len() < limits.count() as usize {
                continue;
            }
            allowed.truncate(limits.count() as usize);
            if looks {
                return Ok(allowed);
            }
            if let Some(taken) = self.take_allowed(ctx, outdial, limits, &allowed).await? {
                return Ok(taken);
            }
        }
        Err(Error::unavailable(
            "call-manager",
            "too many targets may not be called now",
        ))
    }

    async fn put_off(&self, law: &Law, refused: &[Refused]) -> Result<()> {
        let now = self.store.clock.now();
        for one in refused {
            (law.skipped)(&one.rule);
            let wait = one.until.map_or(ASKED_AGAIN, |until| {
                let micros = until.micros().saturating_sub(now.micros());
                Duration::from_micros(u64::try_from(micros).unwrap_or_default()).max(PAUSE_MIN)
            });
            available::put_off(&self.store.db, &[one.id], wait).await?;
        }
        Ok(())
    }

    /// Takes what was asked about; nothing when others were faster and only unasked ones were left.
    async fn take_allowed(
        &self,
        ctx: &RequestContext,
        outdial: &Outdial,
        limits: &Limits,
        allowed: &[OutdialTarget],
    ) -> Result<Option<Vec<OutdialTarget>>> {
        let asked: BTreeSet<Uuid> = allowed.iter().map(|target| target.id).collect();
        let mut tx = self.store.begin(ctx).await?;
        let taken = available::claim(tx.sql(), outdial.id, limits, self.lease).await?;
        let (taken, unasked): (Vec<_>, Vec<_>) = taken
            .into_iter()
            .partition(|target| asked.contains(&target.id));
        if taken.is_empty() && !unasked.is_empty() {
            return Ok(None);
        }
        available::give_back(tx.sql(), &unasked).await?;
        tx.commit(taken).await.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use bin_common_handler::{
        models::{address::Address, sock::Response},
        requesthandler::MockRpc,
    };
    use rstest::rstest;

    use super::*;
    use crate::models::outdialtarget::AvailableBody;

    fn target(id: u128, number: &str) -> OutdialTarget {
        let mut target: OutdialTarget = serde_json::from_value(json!({
            "id": Uuid::from_u128(id), "outdial_id": Uuid::nil(), "name": "", "detail": "", "data": "",
            "status": "idle", "destination_0": null, "destination_1": null, "destination_2": null,
            "destination_3": null, "destination_4": null, "try_count_0": 0, "try_count_1": 0,
            "try_count_2": 0, "try_count_3": 0, "try_count_4": 0, "tm_create": "2026-01-01T00:00:00Z",
            "tm_update": "2026-01-01T00:00:00Z", "tm_delete": null,
        }))
        .unwrap();
        target.destination_0.0 = Some(Address {
            kind: AddressType::Tel,
            target: number.to_owned(),
            ..Address::default()
        });
        target
    }

    fn limits() -> Limits {
        Limits::from(AvailableBody {
            try_count_0: Some(1),
            ..AvailableBody::default()
        })
    }

    fn law(reply: Response, times: usize) -> Law {
        let mut rpc = MockRpc::new();
        rpc.expect_send()
            .withf(|service, request, _| service == "call-manager" && request.uri == CHECKS)
            .times(times)
            .returning(move |_, _, _| Ok(reply.clone()));
        Law {
            rpc: RpcClient::new(Arc::new(rpc), "outdial-manager"),
            service: "call-manager".to_owned(),
            skipped: Arc::new(|_| {}),
        }
    }

    async fn asked(law: &Law, targets: &[OutdialTarget]) -> Result<Vec<Refused>> {
        let ctx = RequestContext::internal();
        law.refused(&ctx, Uuid::from_u128(7), targets, &limits())
            .await
    }

    #[tokio::test]
    async fn what_may_not_be_called_is_named_with_its_time() {
        let next = "2026-12-03T13:00:00Z";
        let reply = Response::ok(&json!([
            {"allowed": true, "rule": null, "next_allowed": null},
            {"allowed": false, "rule": "CALLING_HOURS", "next_allowed": next},
        ]));
        let targets = [
            target(1, "+14045550123"),
            target(2, "+13055550123"),
            target(3, "nobody"),
        ];
        let refused = asked(&law(reply, 1), &targets).await.unwrap();
        let told: Vec<_> = refused
            .iter()
            .map(|one| (one.id.as_u128(), one.rule.as_str(), one.until))
            .collect();
        assert_eq!(
            told,
            [
                (3, "TIMEZONE_UNKNOWN", None),
                (2, "CALLING_HOURS", Some(next.parse().unwrap()))
            ]
        );
    }

    #[rstest]
    #[case(Error::unavailable("x", "gone").to_response("call-manager"))]
    #[case(Error::invalid_argument("INVALID_FIELD", "No.").to_response("call-manager"))]
    #[case(Response::ok(&json!([])))]
    #[tokio::test]
    async fn without_an_answer_there_is_no_list(#[case] reply: Response) {
        let refused = asked(&law(reply, 1), &[target(1, "+14045550123")]).await;
        assert_eq!(refused.unwrap_err().status().code(), 503);
    }

    #[tokio::test]
    async fn who_has_no_number_is_nobodys_to_ask_about() {
        let mut sip = target(1, "sip:ann@example.com");
        if let Some(address) = &mut sip.destination_0.0 {
            address.kind = AddressType::Sip;
        }
        let refused = asked(&law(Response::ok(&json!([])), 0), &[sip])
            .await
            .unwrap();
        assert_eq!(refused, []);
    }

    #[test]
    fn a_target_waits_for_the_last_of_its_numbers() {
        let one = |until: Option<i64>| Refused {
            id: Uuid::nil(),
            rule: "X".to_owned(),
            until: until.map(Timestamp::from_micros),
        };
        assert_eq!(
            latest(vec![one(Some(1)), one(Some(3)), one(Some(2))]),
            [one(Some(3))]
        );
        assert_eq!(latest(vec![one(Some(1)), one(None)]), [one(None)]);
    }
}
