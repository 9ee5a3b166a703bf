//! A bulk request: its rows in batches, each a request of its own to the manager, and one report at the end.
//!
//! One batch is enough for up to 1,000 rows: then the manager's reply is the answer, as everywhere. More
//! batches go one after the other, in the order of their rows, and the answer is a [`Report`]: 200 when all
//! went well, 207 when something did not. Batch `n` (from 1) has the idempotency key `<key>:<n>`, so that the
//! same body under the same key adds only what is missing.
//!
//! A batch that is refused for what it holds (4xx) does not stop the others. When the manager is away, a
//! limit is reached, time is up or the rest is not JSON, nothing more is sent; the last error then has the
//! position of the first row to send again. If that happens before anything was done, it is the answer.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    NAME, answer,
    forward::{Outbound, refuse_large},
    rows,
    rows::{Batch, Batches, Place, Unreadable},
    summary::Summary,
    unpack::without_mark,
};
use bin_common_handler::models::{
    error::{Error, Result},
    sock,
};

/// Errors that a report tells one by one.
pub(super) const ERRORS_MAX: usize = 1_000;

/// What became of a bulk request that took several batches.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Batches that were sent.
    pub batches: u64,
    /// The sums of the numbers in the manager's replies, e.g. `created` and `skipped`; a batch that went well
    /// without such a number counts its rows as `created`.
    #[serde(flatten)]
    pub counts: BTreeMap<String, u64>,
    /// Typed errors with `index`, the position in the body (from 0) of the row, or of its batch's first row.
    pub errors: Vec<Value>,
    /// Errors beyond the first 1,000.
    #[serde(skip_serializing_if = "is_zero")]
    pub more_errors: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde wants"
)]
pub(super) fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What is told at the end.
pub(super) trait Tally {
    /// A batch was answered, well or not.
    fn answered(&mut self, place: &Place, reply: &sock::Response);
    /// Rows that could not be read, by their numbers.
    fn unreadable(&mut self, rows: Unreadable);
    /// Columns that were not looked at.
    fn ignored(&mut self, names: Vec<String>);
    /// Nothing more is sent, from `place` on.
    fn stopped(&mut self, place: &Place, error: Error);
    /// The answer, after so many batches.
    fn answer(self, batches: u64) -> Response;
}

/// Forwards rows while they come in.
pub(super) async fn forward(
    outbound: Outbound<'_>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response> {
    let edge = outbound.route.edge;
    let upload = edge
        .upload
        .filter(|_| !edge.is_plain_json || rows::is_file(headers));
    if let Some(schema) = upload {
        let batches = rows::open(headers, body, outbound.deadline, schema).await?;
        return send_all(&outbound, batches, Summary::default(), true).await;
    }
    refuse_large(&body, rows::BULK_LIMIT)?;
    let batches = Batches::json(without_mark(body), outbound.deadline)?;
    send_all(&outbound, batches, Report::default(), false).await
}

/// With `tells_one` a single batch that went well has a report, too; else its reply is the answer.
async fn send_all(
    outbound: &Outbound<'_>,
    mut batches: Batches,
    mut tally: impl Tally,
    tells_one: bool,
) -> Result<Response> {
    let mut next = batches.next().await?;
    let is_one = !batches.has_more().await?;
    let mut sent = 0;
    while let Some(Batch { place, data }) = next {
        sent += 1;
        tally.unreadable(batches.take_bad());
        let reply = outbound.send(&request(outbound, data, sent)).await;
        let goes_on = is_about_the_rows(&reply);
        let went_well = reply.as_ref().is_ok_and(|reply| reply.status_code < 400);
        if (is_one && !(tells_one && went_well)) || (sent == 1 && !goes_on) {
            return reply.map(|reply| outbound.form.reply(reply));
        }
        match reply {
            Ok(reply) if goes_on => tally.answered(&place, &reply),
            Ok(reply) => {
                tally.stopped(&place, Error::from_reply(&reply));
                break;
            }
            Err(error) => {
                tally.stopped(&place, error);
                break;
            }
        }
        next = match batches.next().await {
            Ok(next) => next,
            Err(error) => {
                tally.stopped(&batches.rest(), error);
                None
            }
        };
    }
    tally.unreadable(batches.take_bad());
    tally.ignored(batches.ignored());
    Ok(tally.answer(sent))
}

fn request(outbound: &Outbound<'_>, data: Box<RawValue>, number: u64) -> sock::Request {
    let mut request = outbound.with(data);
    if let Some(key) = &mut request.idempotency_key {
        key.push_str(&format!(":{number}"));
    }
    request
}

/// False for failures that the next batch would meet as well.
fn is_about_the_rows(reply: &Result<sock::Response>) -> bool {
    reply
        .as_ref()
        .is_ok_and(|reply| !matches!(reply.status_code, 401 | 403 | 404 | 429 | 500..))
}

impl Tally for Report {
    fn answered(&mut self, place: &Place, reply: &sock::Response) {
        let said = serde_json::from_str(reply.body()).unwrap_or_default();
        if reply.status_code < 400 {
            self.done(place, &said);
        } else {
            self.add(place.first_row, said);
        }
    }

    // Only tables have such rows and columns, and they are told otherwise.
    fn unreadable(&mut self, _: Unreadable) {}

    fn ignored(&mut self, _: Vec<String>) {}

    fn stopped(&mut self, place: &Place, error: Error) {
        let reply = error.to_response(NAME);
        self.add(
            place.first_row,
            serde_json::from_str(reply.body()).unwrap_or_default(),
        );
    }

    fn answer(mut self, batches: u64) -> Response {
        self.batches = batches;
        let status = if self.errors.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::MULTI_STATUS
        };
        answer::json(status, &self)
    }
}

impl Report {
    fn done(&mut self, place: &Place, said: &Value) {
        let told = counts(said);
        if told.is_empty() {
            self.count("created", place.numbers.len() as u64);
        }
        for (name, number) in told {
            self.count(name, number);
        }
        let errors = said.get("errors").and_then(Value::as_array);
        for error in errors.into_iter().flatten() {
            self.add(place.first_row, error.clone());
        }
    }

    fn count(&mut self, name: &str, number: u64) {
        *self.counts.entry(name.to_owned()).or_default() += number;
    }

    /// Positions that the manager tells, in the error or its details, count from its batch's first row.
    fn add(&mut self, first_row: usize, error: Value) {
        if self.errors.len() >= ERRORS_MAX {
            self.more_errors += 1;
            return;
        }
        let mut error = match error {
            Value::Object(_) => error,
            other => json!({ "message": other }),
        };
        let details = error.get_mut("details").and_then(Value::as_array_mut);
        for detail in details.into_iter().flatten() {
            if let Some(index) = detail.get_mut("index") {
                shift(index, first_row);
            }
        }
        if let Some(fields) = error.as_object_mut() {
            shift(fields.entry("index").or_insert(0.into()), first_row);
        }
        self.errors.push(error);
    }
}

/// The numbers in a manager's reply, by name.
pub(super) fn counts(said: &Value) -> Vec<(&str, u64)> {
    said.as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_u64()?)))
        .collect()
}

fn shift(index: &mut Value, first_row: usize) {
    *index = (index.as_u64().unwrap_or(0) + first_row as u64).into();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status_code: u16, data: Value) -> sock::Response {
        sock::Response::with(status_code, "application/json", &data)
    }

    fn place(first_row: usize, rows: u64) -> Place {
        let first_number = first_row as u64 + 1;
        Place {
            first_row,
            numbers: (first_number..first_number + rows).collect(),
        }
    }

    #[test]
    fn the_managers_own_numbers_are_added_up_and_its_positions_shifted() {
        let mut report = Report::default();
        report.answered(&place(0, 1_000), &reply(200, json!([1, 2])));
        let said = json!({
            "created": 7,
            "skipped": 2,
            "errors": [{"index": 3, "reason": "A"}, "Row 4: no."],
        });
        report.answered(&place(1_000, 1_000), &reply(200, said));
        let expected = json!({
            "batches": 0,
            "created": 1_007,
            "skipped": 2,
            "errors": [
                {"index": 1_003, "reason": "A"},
                {"index": 1_000, "message": "Row 4: no."},
            ],
        });
        assert_eq!(serde_json::to_value(&report).unwrap(), expected);
        assert_eq!(report.answer(2).status(), 207);
    }

    #[test]
    fn a_refused_batch_is_told_by_its_first_row_and_its_details_by_theirs() {
        let mut report = Report::default();
        let refusal = json!({"reason": "INVALID_ROWS", "details": [{"index": 4}, {"other": 1}]});
        report.answered(&place(2_000, 10), &reply(400, refusal));
        let expected = json!({
            "reason": "INVALID_ROWS",
            "index": 2_000,
            "details": [{"index": 2_004}, {"other": 1}],
        });
        assert_eq!(report.errors, [expected]);
        assert!(report.counts.is_empty());
    }

    #[test]
    fn a_report_does_not_grow_for_ever() {
        let mut report = Report::default();
        (0..1_005).for_each(|row| report.add(row, Value::Null));
        assert_eq!((report.errors.len(), report.more_errors), (1_000, 5));
    }

    #[test]
    fn what_the_next_batch_would_meet_too_stops_the_rest() {
        for status in [401, 403, 404, 429, 500, 503] {
            assert!(
                !is_about_the_rows(&Ok(reply(status, Value::Null))),
                "{status}"
            );
        }
        assert!(!is_about_the_rows(&Err(Error::internal("x"))));
        for status in [200, 400, 409] {
            assert!(
                is_about_the_rows(&Ok(reply(status, Value::Null))),
                "{status}"
            );
        }
    }
}
