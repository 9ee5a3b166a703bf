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

use axum::{body::Body, http::StatusCode, response::Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    NAME, answer,
    batches::{Batch, Batches},
    forward::Outbound,
};
use crate::models::{
    error::{Error, Result},
    sock,
};

/// Errors that a report tells one by one.
const ERRORS_MAX: usize = 1_000;

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
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Forwards rows while they come in.
pub(super) async fn forward(outbound: Outbound<'_>, body: Body) -> Result<Response> {
    let mut batches = Batches::new(body, outbound.deadline)?;
    let mut next = batches.next().await?;
    let is_one = !batches.has_more().await?;
    let mut report = Report::default();
    while let Some(batch) = next {
        let (first_row, rows) = (batch.first_row, batch.rows);
        let request = request(&outbound, batch, report.batches + 1);
        let reply = outbound.send(&request).await;
        if is_one || (report.batches == 0 && !is_about_the_rows(&reply)) {
            return reply.map(|reply| outbound.form.reply(reply));
        }
        report.batches += 1;
        if !is_about_the_rows(&reply) {
            report.failed(first_row, reply);
            break;
        }
        report.answered(first_row, rows, reply);
        next = match batches.next().await {
            Ok(next) => next,
            Err(error) => {
                report.failed(batches.next_row_index(), Err(error));
                None
            }
        };
    }
    Ok(report.into_answer())
}

fn request(outbound: &Outbound<'_>, batch: Batch, number: u64) -> sock::Request {
    let mut request = outbound.with(batch.data);
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

impl Report {
    fn answered(&mut self, first_row: usize, rows: usize, reply: Result<sock::Response>) {
        match reply {
            Ok(reply) if reply.status_code < 400 => self.done(first_row, rows, &reply),
            reply => self.failed(first_row, reply),
        }
    }

    fn done(&mut self, first_row: usize, rows: usize, reply: &sock::Response) {
        let said: Value = serde_json::from_str(reply.body()).unwrap_or_default();
        let counts: Vec<_> = said
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name.as_str(), value.as_u64()?)))
            .collect();
        if counts.is_empty() {
            self.count("created", rows as u64);
        }
        for (name, number) in counts {
            self.count(name, number);
        }
        let errors = said.get("errors").and_then(Value::as_array);
        for error in errors.into_iter().flatten() {
            self.add(first_row, error.clone());
        }
    }

    fn count(&mut self, name: &str, number: u64) {
        *self.counts.entry(name.to_owned()).or_default() += number;
    }

    fn failed(&mut self, first_row: usize, reply: Result<sock::Response>) {
        let reply = reply.unwrap_or_else(|error: Error| error.to_response(NAME));
        let error = serde_json::from_str(reply.body()).unwrap_or_default();
        self.add(first_row, error);
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

    fn into_answer(self) -> Response {
        let status = if self.errors.is_empty() {
            StatusCode::OK
        } else {
            StatusCode::MULTI_STATUS
        };
        answer::json(status, &self)
    }
}

fn shift(index: &mut Value, first_row: usize) {
    *index = (index.as_u64().unwrap_or(0) + first_row as u64).into();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status_code: u16, data: Value) -> Result<sock::Response> {
        Ok(sock::Response::with(status_code, "application/json", &data))
    }

    #[test]
    fn the_managers_own_numbers_are_added_up_and_its_positions_shifted() {
        let mut report = Report::default();
        report.answered(0, 1_000, reply(200, json!([1, 2])));
        let said = json!({
            "created": 7,
            "skipped": 2,
            "errors": [{"index": 3, "reason": "A"}, "Row 4: no."],
        });
        report.answered(1_000, 1_000, reply(200, said));
        report.batches = 2;
        let expected = json!({
            "batches": 2,
            "created": 1_007,
            "skipped": 2,
            "errors": [
                {"index": 1_003, "reason": "A"},
                {"index": 1_000, "message": "Row 4: no."},
            ],
        });
        assert_eq!(serde_json::to_value(&report).unwrap(), expected);
        assert_eq!(report.into_answer().status(), 207);
    }

    #[test]
    fn a_refused_batch_is_told_by_its_first_row_and_its_details_by_theirs() {
        let mut report = Report::default();
        let refusal = json!({"reason": "INVALID_ROWS", "details": [{"index": 4}, {"other": 1}]});
        report.answered(2_000, 10, reply(400, refusal));
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
            assert!(!is_about_the_rows(&reply(status, Value::Null)), "{status}");
        }
        assert!(!is_about_the_rows(&Err(Error::internal("x"))));
        assert!(is_about_the_rows(&reply(400, Value::Null)));
        assert!(is_about_the_rows(&reply(409, Value::Null)));
        assert!(is_about_the_rows(&reply(200, Value::Null)));
    }
}
