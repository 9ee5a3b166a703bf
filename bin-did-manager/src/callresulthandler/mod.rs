//! Results of calls: read from whatever a script sends, put to the usage that they are about, counted once.
//!
//! Rows are locked in one order by everybody: the usage, its number's performance, the number, rollups.

mod causes;
mod fields;
mod kept;
mod matching;
mod merge;
mod reputation;
mod shape;
pub(crate) mod shapes;

use std::{collections::HashMap, sync::Arc};

use bin_common_handler::{
    context::RequestContext, databasehandler::ChangeTx, models::error::Result,
};
use serde::Serialize;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use self::{fields::Fields, matching::Keys};
use crate::{
    app::App,
    dbhandler::{
        performances,
        rollups::{self, Increments},
        usages::{self, Settled},
    },
    models::{
        callresult::{CallResult, Source},
        customer::Customer,
        performance::Tally,
        rollup::Counts,
        usage::{self, Usage},
    },
    privacy::PhoneHasher,
    rolluphandler::place_of,
};

pub(crate) use kept::start_jobs;

/// Where the shapes have phone numbers.
const PHONES: [&str; 5] = [
    "customer_phone",
    "customerPhone",
    "phoneNumber",
    "phone_number",
    "phone",
];
/// Digits of a number with a tenant's prefix before it.
const WITH_PREFIX_MIN: usize = 11;

/// The answer to a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, schemars::JsonSchema)]
pub(crate) struct Reported {
    /// True: older scripts look for it.
    pub success: bool,
    /// Whether the call was found among the numbers given.
    pub matched: bool,
    /// Its usage.
    pub usage_id: Option<Uuid>,
    /// What is known to have become of the call; empty = nothing yet.
    pub outcome: String,
    /// Share of the number's calls that were answered, for the scripts that ask for it.
    #[serde(rename = "answerRate", skip_serializing_if = "Option::is_none")]
    pub answer_rate: Option<String>,
}

/// What a script sends.
pub(crate) enum Sent {
    Body(Map<String, Json>),
    Query(Arc<HashMap<String, String>>),
}

/// One of the shapes that results come in.
pub(crate) type Shape = fn(&Sent, &Customer) -> Result<CallResult>;

impl Sent {
    fn fields(&self) -> Fields {
        match self {
            Self::Body(body) => Fields::of_body(body),
            Self::Query(query) => Fields::of_query(query.as_ref().clone()),
        }
    }
}

/// Refuses what will be refused whoever sends it. A prefix before a number is the tenant's, so a long one passes.
///
/// # Errors
/// 400 `CALL_NOT_NAMED`.
pub(crate) fn ensure_names_a_call(
    shape: Shape,
    query: &HashMap<String, String>,
    body: &str,
) -> Result<()> {
    // Another body than an object is refused, or passed over, where the rest of it is read.
    let sent = match serde_json::from_str(body) {
        Ok(Json::Object(fields)) => Sent::Body(fields),
        _ => Sent::Query(Arc::new(query.clone())),
    };
    let is_long = |text: &str| text.bytes().filter(u8::is_ascii_digit).count() >= WITH_PREFIX_MIN;
    match shape(&sent, &Customer::default()) {
        Err(error)
            if !PHONES
                .iter()
                .any(|name| is_long(sent.fields().text(&[name]))) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Takes a result that came in one of the [`shapes`].
pub(crate) async fn take(
    app: &App,
    ctx: &RequestContext,
    named: Option<Uuid>,
    shape: Shape,
    sent: &Sent,
) -> Result<Reported> {
    let customer = crate::tenancy::customer(&app.store, ctx, named).await?;
    let result = shape(sent, &customer)?;
    report(app, ctx, &customer, &result).await
}

/// Takes a result: writes it into the usage that it is about, or keeps it by itself.
///
/// # Errors
/// 503 when the database is away.
pub(crate) async fn report(
    app: &App,
    ctx: &RequestContext,
    customer: &Customer,
    result: &CallResult,
) -> Result<Reported> {
    let keys = keys(app.hasher().await?, customer.id, result);
    let found = matching::find(app, customer, &keys, result).await?;
    let mut tx = app.store.begin(ctx).await?;
    let usage = match found {
        Some(id) => usages::lock(&mut tx, id).await?,
        None => None,
    };
    let mut reported = match usage {
        Some(usage) => settle(app, &mut tx, customer, &usage, &keys, result).await?,
        None => kept::keep(&mut tx, customer.id, &keys, result).await?,
    };
    if result.source == Source::Older {
        let rate = answer_rate(&mut tx, customer.id, result).await?;
        reported.answer_rate = Some(format!("{:.2}%", rate * 100.0));
    }
    tx.commit(reported).await
}

fn keys(hasher: &PhoneHasher, customer_id: Uuid, result: &CallResult) -> Keys {
    let calls = result.call_ids.iter();
    let named = Some(&result.call_id).filter(|id| !id.is_empty());
    Keys {
        named: named.map(|id| hasher.call(customer_id, id)),
        calls: calls.map(|id| hasher.call(customer_id, id)).collect(),
        phone: result
            .person
            .as_ref()
            .map(|person| hasher.phone(customer_id, person)),
    }
}

async fn settle(
    app: &App,
    tx: &mut ChangeTx<'_>,
    customer: &Customer,
    before: &Settled,
    keys: &Keys,
    result: &CallResult,
) -> Result<Reported> {
    let after = merge::merge(before, result, keys, app.store.clock.now());
    if after != *before {
        usages::settle(tx, &after).await?;
        emit(tx, after.origin.id).await?;
    }
    let change = merge::tally(&after).since(merge::tally(before));
    if change != Tally::default() {
        count(tx, customer, &after, change).await?;
    }
    Ok(Reported {
        success: true,
        matched: true,
        usage_id: Some(after.origin.id),
        outcome: after.outcome,
        answer_rate: None,
    })
}

/// Says what the row holds now; the caller has it locked.
async fn emit(tx: &mut ChangeTx<'_>, usage_id: Uuid) -> Result<()> {
    let Some(usage) = tx.lock::<Usage>(usage_id).await? else {
        return Ok(());
    };
    tx.emit(usage::UPDATED, &usage, usage.customer_id).await
}

async fn count(
    tx: &mut ChangeTx<'_>,
    customer: &Customer,
    usage: &Settled,
    change: Tally,
) -> Result<()> {
    let performance = performances::add(tx, customer.id, usage.origin.did_id, &change).await?;
    reputation::follow(tx, customer.id, usage.origin.did_id, &performance).await?;
    let counts = Counts {
        calls: 0,
        answered: change.answered,
        human: change.human,
        duration_seconds: change.duration_seconds,
    };
    if counts == Counts::default() {
        return Ok(());
    }
    let place = place_of(&usage.origin, &customer.calendar());
    let increments: Increments = place.day_cells().map(|cell| (cell, counts)).collect();
    Ok(rollups::add(tx.sql(), &increments).await?)
}

/// Of the number that the result names.
async fn answer_rate(tx: &mut ChangeTx<'_>, customer_id: Uuid, result: &CallResult) -> Result<f64> {
    let Some(did) = &result.did else {
        return Ok(0.0);
    };
    let performance = performances::of_number(tx, customer_id, did).await?;
    Ok(performance.unwrap_or_default().answer_rate())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing("", "", false)]
    #[case::no_object("", "[1]", false)]
    #[case::too_short("", r#"{"phoneNumber":"1"}"#, false)]
    #[case::null("", r#"{"uniqueid":null,"phoneNumber":"55501"}"#, false)]
    #[case::no_phone("", r#"{"startEpoch":"1795000000123"}"#, false)]
    #[case::an_id("", r#"{"uniqueid":"1.1"}"#, true)]
    #[case::a_phone("", r#"{"phoneNumber":"4155550123"}"#, true)]
    #[case::a_phone_behind_a_prefix("", r#"{"phoneNumber":"84155550123"}"#, true)]
    #[case::in_the_query("uniqueid", "", true)]
    fn a_request_that_nobody_could_work_on(
        #[case] name: &str,
        #[case] body: &str,
        #[case] fine: bool,
    ) {
        let query = HashMap::from([(name.to_owned(), "1.1".to_owned())]);
        let checked = ensure_names_a_call(shapes::call_results, &query, body);
        assert_eq!(checked.is_ok(), fine, "{checked:?}");
    }
}
