//! The law, asked: what the tables know of a number is put before the check, for one call or for many.

pub(crate) mod sale;
mod view;

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::{ChangeTx, Db, EventPayload},
    ids,
    models::{
        check::{ensure, short},
        error::{Error, Result},
        identity::{optional_owner, optional_uuid},
        text::null_is_default,
        time::Timestamp,
    },
    resource,
    sockhandler::ReceivedEvent,
};
use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::warn;
use uuid::Uuid;

pub(crate) use view::VerdictView;

use crate::{
    app::App,
    choice::place::Code,
    compliance::{Address, Consent, Facts, Layer, Listed, Purpose, Relationship, Verdict, check},
    dbhandler::{dnc, frauds, law, reader::Reader},
    dncbookhandler::{DncBook, digits},
    dnclisthandler,
    models::{
        businessrelationship::number,
        call::{Call, Direction},
        callcampaign::CallCampaign,
        dncentry::DncKind,
    },
    viewer::{ensure_operator, owner},
};

/// Questions of one request.
const BULK_MAX: usize = 1_000;
/// How often attempts that no limit counts any more are looked for.
const SWEEP_PERIOD: Duration = Duration::from_secs(600);
/// outdial-manager called a number; it says so where it asks for the law.
const DIALLED: &str = "outdial-manager.outdialtargetcall.*.created";
/// Announced when a call was refused by law.
const VIOLATED: &str = "compliance_violated";

/// A place where a person lives.
#[derive(Debug, Clone, Default, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AddressBody {
    #[serde(deserialize_with = "null_is_default")]
    zip: String,
    #[serde(deserialize_with = "null_is_default")]
    state: String,
}

/// Body of `POST /v1/compliance/checks`.
#[derive(Debug, Default, Deserialize, schemars::JsonSchema)]
#[serde(default)]
#[schemars(rename = "ComplianceCheck")]
pub(crate) struct CheckBody {
    #[serde(deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    /// E.164 of the person.
    #[serde(deserialize_with = "null_is_default")]
    phone: String,
    /// When the call is to be placed; null = now.
    at: Option<Timestamp>,
    #[serde(deserialize_with = "null_is_default")]
    purpose: Purpose,
    /// Left out, it is outbound.
    direction: Option<Direction>,
    address: Option<AddressBody>,
    /// Its `require_consent` counts.
    #[serde(deserialize_with = "optional_uuid")]
    call_campaign_id: Option<Uuid>,
}

/// Body of `POST /v1/compliance/checks/bulk`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "ComplianceChecks")]
pub(crate) struct ChecksBody {
    #[serde(default, deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    /// At most 1,000, of one customer.
    checks: Vec<CheckBody>,
}

/// One question, checked.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub phone: String,
    pub at: Timestamp,
    pub purpose: Purpose,
    pub is_inbound: bool,
    pub zip: String,
    pub state: String,
    pub requires_consent: bool,
}

/// What the tables know, for some numbers of one customer.
#[derive(Default)]
pub(crate) struct Knowledge {
    numbers: std::collections::BTreeMap<String, law::Known>,
    lists: Vec<(DncKind, Option<Code>, Arc<RoaringTreemap>)>,
    federal_imported: Option<Timestamp>,
    rules: Vec<Layer>,
}

/// An imported list that a number stands on.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "OnDncList")]
pub(crate) struct OnList {
    list: DncKind,
    /// Which state's.
    state: Option<String>,
}

/// Names the handlers, and starts the jobs.
pub(crate) fn start(ctx: &ManagerContext, app: &App) {
    ctx.timers.on(dnclisthandler::SWEEP, dnclisthandler::sweep);
    ctx.events.on(DIALLED, dialled);
    let store = app.store.clone();
    ctx.tasks.every("attempts", SWEEP_PERIOD, move || {
        let store = store.clone();
        async move {
            if let Err(error) = law::forget_attempts(&store.db, store.clock.now()).await {
                warn!(%error, "old attempts were not forgotten");
            }
        }
    });
}

/// What we want to know of a call by outdial-manager.
#[derive(Deserialize)]
struct Dialled {
    customer_id: Uuid,
    destination: DialledAddress,
    tm_create: Timestamp,
}

#[derive(Deserialize)]
struct DialledAddress {
    #[serde(default)]
    target: String,
}

/// Counts a call that outdial-manager placed.
async fn dialled(tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let call: Dialled = event.data()?;
    match number("destination", &call.destination.target) {
        Ok(phone) => {
            law::add_attempt(tx, ids::next(), call.customer_id, &phone, call.tm_create).await
        }
        // No phone number: the law does not count it.
        Err(_) => Ok(()),
    }
}

impl CheckBody {
    /// The question; `place` stands before the fields that a refusal names.
    fn question(&self, place: &str, now: Timestamp, requires_consent: bool) -> Result<Question> {
        let address = self.address.clone().unwrap_or_default();
        short(&format!("{place}address.zip"), &address.zip)?;
        short(&format!("{place}address.state"), &address.state)?;
        Ok(Question {
            phone: number(&format!("{place}phone"), &self.phone)?,
            at: self.at.unwrap_or(now),
            purpose: self.purpose,
            is_inbound: self.direction == Some(Direction::Inbound),
            zip: address.zip,
            state: address.state,
            requires_consent,
        })
    }
}

/// Whether one call may be placed.
///
/// # Errors
/// 400; 404 for the campaign; 503.
pub(crate) async fn check_one(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    body: &CheckBody,
) -> Result<VerdictView> {
    ensure_operator(ctx)?;
    let customer_id = owner(ctx, body.customer_id.or(named))?;
    let requires_consent = requires_consent(app, ctx, customer_id, body.call_campaign_id).await?;
    let question = body.question("", app.store.clock.now(), requires_consent)?;
    let views = answers(app, customer_id, &[question]).await?;
    views
        .into_iter()
        .next()
        .ok_or_else(|| Error::internal("a question without an answer"))
}

/// Whether many calls may be placed, in the order of the questions.
///
/// # Errors
/// As [`check_one`], with the `index` of the question in `details`.
pub(crate) async fn check_many(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    body: &ChecksBody,
) -> Result<Vec<VerdictView>> {
    ensure_operator(ctx)?;
    ensure(
        body.checks.len() <= BULK_MAX,
        "checks",
        "has at most 1000 entries",
    )?;
    let customer_id = owner(ctx, body.customer_id.or(named))?;
    let now = app.store.clock.now();
    let mut campaigns: Vec<(Option<Uuid>, bool)> = vec![(None, false)];
    let mut questions = Vec::with_capacity(body.checks.len());
    for (index, check) in body.checks.iter().enumerate() {
        let of_this = |error: Error| error.with_detail(json!({ "index": index }));
        let id = check.call_campaign_id;
        let known = campaigns.iter().find(|(known, _)| *known == id);
        let requires = match known {
            Some((_, requires)) => *requires,
            None => {
                let requires = requires_consent(app, ctx, customer_id, id).await;
                let requires = requires.map_err(of_this)?;
                campaigns.push((id, requires));
                requires
            }
        };
        let question = check.question(&format!("checks[{index}]."), now, requires);
        questions.push(question.map_err(of_this)?);
    }
    answers(app, customer_id, &questions).await
}

/// Whether this customer's campaign calls nobody without consent; false where none is named.
async fn requires_consent(
    app: &App,
    ctx: &RequestContext,
    customer_id: Uuid,
    id: Option<Uuid>,
) -> Result<bool> {
    let Some(id) = id else {
        return Ok(false);
    };
    let campaign = resource::get::<CallCampaign, App>(app, ctx, id).await?;
    if campaign.customer_id == customer_id {
        return Ok(campaign.require_consent);
    }
    Err(resource::not_found::<CallCampaign>())
}

async fn answers(app: &App, customer_id: Uuid, questions: &[Question]) -> Result<Vec<VerdictView>> {
    let phones: Vec<&str> = questions
        .iter()
        .map(|question| question.phone.as_str())
        .collect();
    let knowledge = Knowledge::read(app, customer_id, &phones).await?;
    Ok(questions
        .iter()
        .map(|question| knowledge.answer(question))
        .collect())
}

impl Knowledge {
    /// Reads what is known about some numbers.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn read(app: &App, customer_id: Uuid, phones: &[&str]) -> Result<Self> {
        let now = app.store.clock.now();
        let reader = &mut Reader::Db(&app.store.db);
        Self::read_by(reader, &app.dnc, customer_id, phones, now).await
    }

    /// As [`Self::read`], by whoever reads.
    async fn read_by(
        reader: &mut Reader<'_, '_>,
        dnc: &DncBook,
        customer_id: Uuid,
        phones: &[&str],
        now: Timestamp,
    ) -> Result<Self> {
        let numbers = law::known(reader, customer_id, phones, now).await?;
        let rules = law::own_rules(reader, customer_id).await?;
        let mut lists = Vec::new();
        let mut federal_imported = None;
        for list in dnc::lists(reader, customer_id).await? {
            if list.list == DncKind::Federal {
                federal_imported = list.tm_imported;
            }
            let numbers = dnc.numbers(reader, &list).await?;
            lists.push((list.list, Code::region(&list.state), numbers));
        }
        Ok(Self {
            numbers,
            lists,
            federal_imported,
            rules: rules.iter().filter_map(|rule| rule.layer()).collect(),
        })
    }

    /// The imported lists that a number stands on.
    pub(crate) fn lists_with(&self, phone: &str) -> Vec<OnList> {
        let number = digits(phone);
        let holds =
            |numbers: &RoaringTreemap| number.is_some_and(|number| numbers.contains(number));
        self.lists
            .iter()
            .filter(|(_, _, numbers)| holds(numbers))
            .map(|(list, state, _)| OnList {
                list: *list,
                state: state.map(|state| state.to_string()),
            })
            .collect()
    }

    /// When a number was called in the last 24 hours.
    pub(crate) fn attempts_of(&self, phone: &str) -> &[Timestamp] {
        self.numbers.get(phone).map_or(&[], |known| &known.attempts)
    }

    /// Attempts that were read again, under a lock.
    pub(crate) fn set_attempts(&mut self, phone: &str, attempts: Vec<Timestamp>) {
        self.numbers.entry(phone.to_owned()).or_default().attempts = attempts;
    }

    /// Calls to a number that were placed at that time or later count no more.
    fn forget_attempts_since(&mut self, phone: &str, at: Timestamp) {
        if let Some(known) = self.numbers.get_mut(phone) {
            known.attempts.retain(|attempt| *attempt < at);
        }
    }

    /// Whether the person told the customer to stop.
    pub(crate) fn is_opted_out(&self, phone: &str) -> bool {
        self.numbers.get(phone).is_some_and(|known| known.opted_out)
    }

    /// What was read again, in the transaction that places the call.
    fn set_opted_out(&mut self, phone: &str, opted_out: bool) {
        self.numbers.entry(phone.to_owned()).or_default().opted_out = opted_out;
    }

    /// The verdict on one question.
    pub(crate) fn answer(&self, question: &Question) -> VerdictView {
        let nothing = law::Known::default();
        let known = self.numbers.get(&question.phone).unwrap_or(&nothing);
        let listed = self.listed(question, known);
        let consents = known
            .consents
            .iter()
            .filter(|consent| consent.purpose == question.purpose && consent.holds(question.at));
        let consent = consents.clone().max_by_key(|consent| consent.is_written());
        let relationships: Vec<Relationship> = known
            .relationships
            .iter()
            .filter_map(|row| {
                Some(Relationship {
                    kind: row.kind,
                    tm: row.tm?,
                })
            })
            .collect();
        let verdict: Verdict = check(&Facts {
            number: &question.phone,
            address: Address {
                zip: &question.zip,
                state: &question.state,
            },
            at: question.at,
            is_inbound: question.is_inbound,
            purpose: question.purpose,
            attempts: &known.attempts,
            listed: &listed,
            consent: consent.map(|consent| Consent {
                is_written: consent.is_written(),
            }),
            requires_consent: question.requires_consent,
            relationships: &relationships,
            own_rules: &self.rules,
        });
        VerdictView::new(
            question,
            &listed,
            consent.map(|consent| consent.id),
            verdict,
        )
    }

    fn listed(&self, question: &Question, known: &law::Known) -> Listed {
        let mut listed = Listed {
            opted_out: known.opted_out,
            federal_imported: self.federal_imported,
            ..Listed::default()
        };
        let is_live = |ends: Option<Timestamp>| ends.is_none_or(|ends| question.at < ends);
        for entry in known.entries.iter().filter(|entry| is_live(entry.expires)) {
            add(&mut listed, entry.list, Code::region(&entry.state));
        }
        if let Some(digits) = digits(&question.phone) {
            for (kind, state, numbers) in &self.lists {
                if numbers.contains(digits) {
                    add(&mut listed, *kind, *state);
                }
            }
        }
        listed
    }
}

fn add(listed: &mut Listed, kind: DncKind, state: Option<Code>) {
    match kind {
        DncKind::Federal => listed.federal = true,
        DncKind::State => listed.states.extend(state),
        DncKind::Internal => listed.internal = true,
        DncKind::Litigation => listed.litigation = true,
        DncKind::Custom => listed.custom = true,
        // What is not known is not called.
        DncKind::Other(_) => listed.custom = true,
    }
}

/// What the law must know of an outbound call, read before its transaction; nothing for an inbound one.
///
/// # Errors
/// 503.
pub(crate) async fn prepare(
    app: &App,
    customer_id: Uuid,
    call: &Call,
) -> Result<Option<Knowledge>> {
    if call.direction != Direction::Outbound {
        return Ok(None);
    }
    Knowledge::read(app, customer_id, &[call.person()])
        .await
        .map(Some)
}

/// What the law says of an outbound call; a refusal is announced. Nothing for an inbound one.
///
/// # Errors
/// 503.
pub(crate) async fn judge(
    tx: &mut ChangeTx<'_>,
    knowledge: Option<Knowledge>,
    call: &Call,
    campaign: &CallCampaign,
) -> Result<Option<VerdictView>> {
    let Some(mut knowledge) = knowledge else {
        return Ok(None);
    };
    // Attempts that are not there yet cannot be locked: whoever would make one has the person's turn first.
    frauds::lock_turns(tx, call).await?;
    let attempts = law::attempts(tx, call.customer_id, call.person()).await?;
    knowledge.set_attempts(call.person(), attempts);
    let opted_out = law::is_opted_out(tx, call.customer_id, call.person()).await?;
    knowledge.set_opted_out(call.person(), opted_out);
    let verdict = knowledge.answer(&question(call, campaign.require_consent, tx.now()));
    if !verdict.allowed {
        announce(tx, call, &verdict).await?;
    }
    Ok(Some(verdict))
}

/// Counts an outbound call that is about to be placed, and keeps what the law said. Until it is sold or ends it keeps its
/// place among the calls that the law allows.
///
/// # Errors
/// 503.
pub(crate) async fn count(
    tx: &mut ChangeTx<'_>,
    call: &Call,
    verdict: Option<VerdictView>,
) -> Result<()> {
    let Some(verdict) = verdict else {
        return Ok(());
    };
    law::save_verdict(tx, call.customer_id, call.id, &verdict).await?;
    law::add_attempt(tx, call.id, call.customer_id, call.person(), call.tm_create).await
}

fn question(call: &Call, requires_consent: bool, at: Timestamp) -> Question {
    Question {
        phone: call.person().to_owned(),
        at,
        purpose: call.purpose,
        is_inbound: call.direction != Direction::Outbound,
        zip: call.zip.clone(),
        state: call.state.clone(),
        requires_consent,
    }
}

/// 403 with the rule, its citation and when the call may be placed; nothing where it may be placed now.
pub(crate) fn refusal(verdict: Option<&VerdictView>) -> Option<Error> {
    let verdict = verdict.filter(|verdict| !verdict.allowed)?;
    let refused =
        Error::permission_denied(verdict.rule_name(), "The law does not allow this call now.");
    Some(refused.with_detail(json!(verdict)))
}

async fn announce(tx: &mut ChangeTx<'_>, call: &Call, verdict: &VerdictView) -> Result<()> {
    let id = ids::next();
    let data = json!({
        "id": id, "customer_id": call.customer_id, "call_campaign_id": call.call_campaign_id,
        "phone": call.person(), "purpose": call.purpose, "rule": verdict.rule,
        "citation": verdict.citation, "next_allowed": verdict.next_allowed, "tm_create": tx.now(),
    });
    let payload = EventPayload {
        resource_id: id,
        customer_id: call.customer_id,
        version: tx.now(),
        data: data.to_string(),
    };
    tx.emit_payload(VIOLATED, payload).await
}

/// What the law said about a call: as it was kept, or, of an inbound one, that it asks nothing.
///
/// # Errors
/// 503.
pub(crate) async fn of_call(db: &Db, call: &Call) -> Result<serde_json::Value> {
    if let Some(kept) = law::verdict(db, call.customer_id, call.id).await? {
        return Ok(kept);
    }
    if call.direction == Direction::Outbound {
        return Ok(serde_json::Value::Null);
    }
    Ok(json!(Knowledge::default().answer(&question(
        call,
        false,
        call.tm_create
    ))))
}
