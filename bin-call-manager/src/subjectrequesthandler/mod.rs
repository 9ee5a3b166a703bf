//! A person asks what is known about a number, or to be forgotten (GDPR, articles 15 and 17). Whoever wrote in a chat only is
//! known by a mail address: of those this manager knows nothing itself.

mod by_email;
mod kept;
mod leftover;
mod words;

use std::collections::BTreeMap;

use bin_common_handler::{
    context::RequestContext,
    daemon::ManagerContext,
    databasehandler::{ChangeTx, EventPayload},
    ids,
    models::{
        check::wrong,
        error::{Error, Result, Status},
        identity::optional_owner,
        text::hex,
        time::Timestamp,
    },
    redact::Secret,
    subjects::{self, PSEUDONYM},
};
use futures_util::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use rand::RngExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use uuid::Uuid;

use self::{kept::Kept, words::Number};
use crate::{
    app::App,
    compliancehandler::{Knowledge, OnList},
    dbhandler::subjects::{self as rows_of, ROWS_MAX},
    models::{
        businessrelationship::{BusinessRelationship, number},
        call::Call,
        consent::Consent,
        dncentry::DncEntry,
        fraudcheck::FraudCheck,
        fraudentry::FraudEntry,
        inboundcall::InboundCall,
        ping::Ping,
        subjectrequest::{ERASED, SubjectKind, SubjectRequest, email},
    },
    viewer::ensure_operator,
};

/// Bytes of a pseudonym: with its prefix it fits where a number stands.
const PSEUDONYM_BYTES: usize = 24;
/// Where the number of a person stands, and nothing in the law wants it kept.
const ERASED_FROM: &[(&str, &str)] = &[
    ("exchange_calls", "from_number"),
    ("exchange_calls", "to_number"),
    ("exchange_pings", "from_number"),
    ("exchange_fraud_checks", "phone"),
    ("exchange_inbound_calls", "from_number"),
    ("exchange_inbound_calls", "to_number"),
    ("exchange_business_relationships", "phone"),
];
/// Other managers that have a route for everything about a number. What they hold is erased by the event.
const ELSEWHERE: &[&str] = &["chat-manager", "outdial-manager", "did-manager"];

/// Body of `POST /v1/subject_requests`.
#[derive(Debug, Deserialize, schemars::JsonSchema)]
pub(crate) struct SubjectCreate {
    #[serde(default, deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
    /// The number; a request has this or `email`.
    #[serde(default)]
    phone: String,
    /// The mail address of somebody who is known by nothing else.
    #[serde(default)]
    email: String,
    kind: SubjectKind,
}

/// Who asks.
enum Person {
    Phone(String),
    Email(String),
}

impl SubjectCreate {
    fn person(&self) -> Result<Person> {
        match (self.phone.is_empty(), self.email.is_empty()) {
            (_, true) => Ok(Person::Phone(number("phone", &self.phone)?)),
            (true, false) => Ok(Person::Email(email(&self.email)?)),
            (false, false) => Err(wrong("email", "must not be given beside phone")),
        }
    }
}

/// What is known, or what was erased.
#[derive(Debug, Default, Serialize, schemars::JsonSchema)]
pub(crate) struct SubjectAnswer {
    id: Uuid,
    kind: SubjectKind,
    /// Access: the number.
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// Access: the mail address.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// Access: there is more than an answer has.
    truncated: bool,
    calls: Vec<Call>,
    consents: Vec<Consent>,
    dnc_entries: Vec<DncEntry>,
    /// Calls that were offered before they came.
    pings: Vec<Ping>,
    /// Calls at the customer's own numbers.
    inbound_calls: Vec<InboundCall>,
    fraud_checks: Vec<FraudCheck>,
    fraud_entries: Vec<FraudEntry>,
    /// Imported lists that it stands on.
    dnc_lists: Vec<OnList>,
    business_relationships: Vec<BusinessRelationship>,
    /// Bid profiles whose conditions name it.
    bid_profiles: Vec<Uuid>,
    /// When it was called in the last 24 hours.
    attempts: Vec<Timestamp>,
    /// The person told us to stop.
    opted_out: bool,
    /// What other services know.
    others: BTreeMap<String, Json>,
    /// Services that did not answer: what they know is missing here.
    unanswered: Vec<String>,
    /// Erasure: what stands for the number from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pseudonym: Option<String>,
    /// Erasure: in how many rows of each kind.
    erased: BTreeMap<String, u64>,
    /// Erasure: what the law wants kept.
    kept: Vec<Kept>,
}

/// Names the timer's handler, at start.
pub(crate) fn start(ctx: &ManagerContext, app: &App) {
    leftover::start(ctx, app);
}

/// Answers a request, and notes that it was made.
///
/// # Errors
/// 400; 503.
pub(crate) async fn create(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    body: &SubjectCreate,
) -> Result<SubjectAnswer> {
    ensure_operator(ctx)?;
    let person = body.person()?;
    let customer_id = ctx.scope.required_owner(body.customer_id.or(named))?;
    let now = app.store.clock.now();
    let request = SubjectRequest {
        id: ids::next(),
        customer_id,
        kind: body.kind,
        pseudonym: String::new(),
        tm_create: now,
        tm_update: now,
    };
    match (body.kind, person) {
        (SubjectKind::Access, Person::Phone(phone)) => access(app, ctx, request, &phone).await,
        (SubjectKind::Access, Person::Email(email)) => {
            by_email::access(app, ctx, request, email).await
        }
        (SubjectKind::Erasure, Person::Phone(phone)) => erase(app, ctx, request, &phone).await,
        (SubjectKind::Erasure, Person::Email(email)) => {
            by_email::erase(app, ctx, request, &email).await
        }
        (SubjectKind::Other(_), _) => Err(Error::internal("a kind that is not known")),
    }
}

async fn access(
    app: &App,
    ctx: &RequestContext,
    request: SubjectRequest,
    phone: &str,
) -> Result<SubjectAnswer> {
    let (db, customer_id) = (&app.store.db, request.customer_id);
    let calls: Vec<Call> =
        rows_of::rows(db, &["from_number", "to_number"], customer_id, phone).await?;
    let consents: Vec<Consent> = rows_of::rows(db, &["phone"], customer_id, phone).await?;
    let entries: Vec<DncEntry> = rows_of::rows(db, &["phone"], customer_id, phone).await?;
    let relationships: Vec<BusinessRelationship> =
        rows_of::rows(db, &["phone"], customer_id, phone).await?;
    let pings: Vec<Ping> = rows_of::rows(db, &["from_number"], customer_id, phone).await?;
    let both = &["from_number", "to_number"];
    let inbound_calls: Vec<InboundCall> = rows_of::rows(db, both, customer_id, phone).await?;
    let fraud_checks: Vec<FraudCheck> = rows_of::rows(db, &["phone"], customer_id, phone).await?;
    let fraud_entries: Vec<FraudEntry> = rows_of::rows(db, &["phone"], customer_id, phone).await?;
    let bid_profiles = rows_of::profiles_naming(db, customer_id, phone).await?;
    let knowledge = Knowledge::read(app, customer_id, &[phone]).await?;
    let body = json!({"customer_id": customer_id, "phone": phone});
    let (others, unanswered) = elsewhere(app, ctx, ELSEWHERE, &body).await?;
    let is_full = |rows: usize| i64::try_from(rows).is_ok_and(|rows| rows >= ROWS_MAX);
    let counts = [
        calls.len(),
        consents.len(),
        entries.len(),
        relationships.len(),
        pings.len(),
        inbound_calls.len(),
        fraud_checks.len(),
        fraud_entries.len(),
        bid_profiles.len(),
    ];
    let answer = SubjectAnswer {
        id: request.id,
        kind: request.kind,
        phone: Some(phone.to_owned()),
        truncated: counts.into_iter().any(is_full),
        calls,
        consents,
        dnc_entries: entries,
        pings,
        inbound_calls,
        fraud_checks,
        fraud_entries,
        dnc_lists: knowledge.lists_with(phone),
        business_relationships: relationships,
        bid_profiles,
        attempts: knowledge.attempts_of(phone).to_vec(),
        opted_out: knowledge.is_opted_out(phone),
        others,
        unanswered,
        ..SubjectAnswer::default()
    };
    let mut tx = app.store.begin(ctx).await?;
    tx.insert(&request).await?;
    tx.commit(answer).await
}

/// What other services know, and which of them did not answer: an installation without one knows nothing there, and one
/// whose service is away is to be asked again. All are asked at once, as each may take its time.
async fn elsewhere(
    app: &App,
    ctx: &RequestContext,
    services: &[&'static str],
    body: &Json,
) -> Result<(BTreeMap<String, Json>, Vec<String>)> {
    let ask = |service: &'static str| async move {
        let found = app.rpc.post::<Json>(service, subjects::LOOKUP, body, ctx);
        (service, found.await)
    };
    let (mut others, mut unanswered) = (BTreeMap::new(), Vec::new());
    for (service, answer) in join_all(services.iter().copied().map(ask)).await {
        match answer {
            Ok(found) => {
                others.insert(service.to_owned(), found);
            }
            Err(error) if error.status() == Status::Unavailable => {
                unanswered.push(service.to_owned());
            }
            Err(error) => return Err(error),
        }
    }
    Ok((others, unanswered))
}

async fn erase(
    app: &App,
    ctx: &RequestContext,
    mut request: SubjectRequest,
    phone: &str,
) -> Result<SubjectAnswer> {
    let key = key(app, request.customer_id).await?;
    request.pseudonym = pseudonym(&key, phone)?;
    let mut tx = app.store.begin(ctx).await?;
    let mut erased: BTreeMap<String, u64> = BTreeMap::new();
    for (table, column) in ERASED_FROM {
        let count = rows_of::replace(
            &mut tx,
            table,
            column,
            request.customer_id,
            phone,
            &request.pseudonym,
        )
        .await?;
        let name = table.trim_start_matches("exchange_");
        *erased.entry(name.to_owned()).or_default() += count;
    }
    // By its digest a ping would be found again by whoever guesses the number.
    rows_of::forget_questions(&mut tx, request.customer_id, &request.pseudonym).await?;
    let number = Number::new(request.customer_id, phone, &request.pseudonym);
    words::erase_texts(&mut tx, &number).await?;
    leftover::begin(&mut tx, &app.sealer, &request, phone).await?;
    let profiles = words::erase_conditions(&mut tx, &number).await?;
    erased.insert("bid_profiles".to_owned(), profiles);
    keep_and_tell(&mut tx, &request, ERASED, ("phone", phone)).await?;
    let answer = SubjectAnswer {
        id: request.id,
        kind: request.kind,
        pseudonym: Some(request.pseudonym),
        erased,
        kept: kept::all(),
        ..SubjectAnswer::default()
    };
    tx.commit(answer).await
}

/// Keeps the request, and tells other managers of whom it is.
async fn keep_and_tell(
    tx: &mut ChangeTx<'_>,
    request: &SubjectRequest,
    event: &'static str,
    (field, person): (&str, &str),
) -> Result<()> {
    tx.insert(request).await?;
    let data = json!({
        "id": request.id, "customer_id": request.customer_id, field: person,
        "pseudonym": request.pseudonym, "tm_create": request.tm_create,
    });
    let payload = EventPayload {
        resource_id: request.id,
        customer_id: request.customer_id,
        version: request.tm_create,
        data: data.to_string(),
    };
    tx.emit_payload(event, payload).await
}

/// What stands for a number: the same each time for one customer, and of no use without its key.
///
/// # Errors
/// Never by the keys that are made here.
pub(crate) fn pseudonym(key: &Secret, phone: &str) -> Result<String> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(key.expose().as_bytes()).map_err(Error::internal)?;
    mac.update(phone.as_bytes());
    let hash = mac.finalize().into_bytes();
    Ok(format!(
        "{PSEUDONYM}{}",
        hex(hash.get(..PSEUDONYM_BYTES).unwrap_or_default())
    ))
}

/// Where a customer's sealed key belongs.
pub(crate) fn key_place(customer_id: Uuid) -> String {
    format!("{customer_id}/exchange_subject_keys/sealed/{customer_id}")
}

/// The key of a customer's pseudonyms, made at the first request; of nobody's other secrets are made.
///
/// # Errors
/// 503.
pub(crate) async fn key(app: &App, customer_id: Uuid) -> Result<Secret> {
    let place = key_place(customer_id);
    if let Some(sealed) = rows_of::key(&app.store.db, customer_id).await? {
        return Ok(app.sealer.open(&sealed, &place)?);
    }
    let key = Secret::new(hex(&rand::rng().random::<[u8; 32]>()));
    let sealed = app.sealer.seal(&key, &place)?;
    match rows_of::add_key(&app.store.db, customer_id, sealed).await {
        Ok(()) => Ok(key),
        // Somebody else was faster: theirs counts.
        Err(error) if error.reason() == "ALREADY_EXISTS" => {
            let sealed = rows_of::key(&app.store.db, customer_id).await?;
            let sealed = sealed.ok_or_else(|| Error::internal("a key that is there is gone"))?;
            Ok(app.sealer.open(&sealed, &place)?)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_needs_its_key_and_fits_where_a_number_stands() {
        let of = |key: &str, phone| pseudonym(&Secret::new(key), phone).unwrap();
        let one = of("a", "+14155550123");
        assert_eq!(one, of("a", "+14155550123"));
        assert_ne!(one, of("b", "+14155550123"));
        assert_ne!(one, of("a", "+14155550124"));
        assert!(one.len() <= 64 && !one.contains("4155550123"), "{one}");
    }
}
