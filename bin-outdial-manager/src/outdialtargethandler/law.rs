//! What call-manager says of the numbers that a target dials.

use std::{collections::BTreeSet, fmt, sync::Arc};

use bin_common_handler::{
    config::shared::CALL_MANAGER_NAME,
    context::RequestContext,
    daemon::{ManagerContext, StartError},
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
    phone::Dialled,
    requesthandler::RpcClient,
};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{dbhandler::available::Limits, models::outdialtarget::OutdialTarget};

/// Announced when a number was called, where the law counts.
pub(crate) const ATTEMPTED: &str = "outdialtargetcall_created";
const CHECKS: &str = "/v1/compliance/checks/bulk";
/// Questions of one request.
const CHECKS_MAX: usize = 1_000;
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

/// What a target's caller might dial within some limits.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Dials {
    pub(super) numbers: BTreeSet<String>,
    /// Something is among it that may be a number, and cannot be read.
    pub(super) is_unclear: bool,
}

impl Dials {
    pub(super) fn of(target: &OutdialTarget, limits: &Limits) -> Self {
        let mut dials = Self::default();
        for address in limits.admitted(target) {
            match address.dialled() {
                Dialled::Number(number) => {
                    dials.numbers.insert(number.as_str().to_owned());
                }
                Dialled::Unclear => dials.is_unclear = true,
                Dialled::Name => {}
            }
        }
        dials
    }
}

/// A question: may this number of a target be called, which we called at these times?
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) id: Uuid,
    pub(super) number: String,
    pub(super) attempts: Vec<Timestamp>,
}

/// A target that may not be called, and until when it is put off; none = nobody knows.
#[derive(Debug, PartialEq)]
pub(super) struct Refused {
    pub(super) id: Uuid,
    pub(super) rule: String,
    pub(super) until: Option<Timestamp>,
}

impl Refused {
    /// A target with a number that cannot be read.
    pub(super) fn unread(id: Uuid) -> Self {
        Self {
            id,
            rule: NO_NUMBER.to_owned(),
            until: None,
        }
    }
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

    /// Counts a target that is passed over.
    pub(super) fn skipped(&self, rule: &str) {
        (self.skipped)(rule);
    }

    /// The questions that were answered with no.
    ///
    /// # Errors
    /// 503 when nobody answers.
    pub(super) async fn refused(
        &self,
        ctx: &RequestContext,
        customer_id: Uuid,
        asked: &[Asked],
    ) -> Result<Vec<Refused>> {
        let mut refused = Vec::new();
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
            refused.extend(pairs.map(|(asked, verdict)| Refused {
                id: asked.id,
                rule: verdict.rule.unwrap_or_default(),
                until: verdict.next_allowed,
            }));
        }
        Ok(refused)
    }

    async fn ask(
        &self,
        ctx: &RequestContext,
        customer_id: Uuid,
        asked: &[Asked],
    ) -> Result<Vec<Verdict>> {
        let check = |asked: &Asked| {
            let (phone, attempts) = (&asked.number, &asked.attempts);
            json!({
                "phone": phone, "purpose": "marketing", "direction": "outbound", "attempts": attempts,
            })
        };
        let checks: Vec<Json> = asked.iter().map(check).collect();
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

/// One line for each target: it may be called when all of its numbers may.
pub(super) fn latest(refused: Vec<Refused>) -> Vec<Refused> {
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

#[cfg(test)]
mod tests {
    use bin_common_handler::{
        models::{
            address::{Address, AddressType},
            sock::Response,
        },
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

    fn asked(id: u128, number: &str) -> Asked {
        Asked {
            id: Uuid::from_u128(id),
            number: number.to_owned(),
            attempts: vec![Timestamp::from_micros(7)],
        }
    }

    async fn refused(law: &Law, asked: &[Asked]) -> Result<Vec<Refused>> {
        let ctx = RequestContext::internal();
        law.refused(&ctx, Uuid::from_u128(7), asked).await
    }

    #[tokio::test]
    async fn what_may_not_be_called_is_named_with_its_time() {
        let next = "2026-12-03T13:00:00Z";
        let reply = Response::ok(&json!([
            {"allowed": true, "rule": null, "next_allowed": null},
            {"allowed": false, "rule": "CALLING_HOURS", "next_allowed": next},
        ]));
        let asked = [asked(1, "+14045550123"), asked(2, "+13055550123")];
        let refused = refused(&law(reply, 1), &asked).await.unwrap();
        let expected = Refused {
            id: Uuid::from_u128(2),
            rule: "CALLING_HOURS".to_owned(),
            until: Some(next.parse().unwrap()),
        };
        assert_eq!(refused, [expected]);
    }

    #[rstest]
    #[case(Error::unavailable("x", "gone").to_response("call-manager"))]
    #[case(Error::invalid_argument("INVALID_FIELD", "No.").to_response("call-manager"))]
    #[case(Response::ok(&json!([])))]
    #[tokio::test]
    async fn without_an_answer_there_is_no_list(#[case] reply: Response) {
        let refused = refused(&law(reply, 1), &[asked(1, "+14045550123")]).await;
        assert_eq!(refused.unwrap_err().status().code(), 503);
    }

    #[tokio::test]
    async fn where_there_is_no_number_nobody_is_asked() {
        let refused = refused(&law(Response::ok(&json!([])), 0), &[]).await;
        assert_eq!(refused.unwrap(), []);
    }

    #[rstest]
    #[case(AddressType::Tel, "+14045550123", &["+14045550123"], false)]
    #[case(AddressType::Whatsapp, "+14045550123", &["+14045550123"], false)]
    #[case(AddressType::Sip, "+14045550123@10.0.0.1", &["+14045550123"], false)]
    #[case(AddressType::Sip, "sip:+14045550123;user=phone@x", &["+14045550123"], false)]
    #[case(AddressType::Sip, "ann@example.com", &[], false)]
    #[case(AddressType::Sip, "9011493012345678@gw", &[], true)]
    #[case(AddressType::Tel, "nobody", &[], true)]
    #[case(AddressType::Email, "ann@example.com", &[], false)]
    fn a_number_is_asked_about_however_it_is_written(
        #[case] kind: AddressType,
        #[case] text: &str,
        #[case] numbers: &[&str],
        #[case] is_unclear: bool,
    ) {
        let mut target = target(1, text);
        if let Some(address) = &mut target.destination_0.0 {
            address.kind = kind;
        }
        // No limit admits a call there.
        target.destination_1.0 = target.destination_0.0.clone();
        if let Some(address) = &mut target.destination_1.0 {
            address.target = "+13055550123".to_owned();
        }
        let expected = Dials {
            numbers: numbers.iter().map(|it| (*it).to_owned()).collect(),
            is_unclear,
        };
        assert_eq!(Dials::of(&target, &limits()), expected);
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
