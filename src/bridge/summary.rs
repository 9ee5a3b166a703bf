//! What became of an uploaded file, for the person who uploaded it.

use std::collections::{BTreeMap, BTreeSet};

use axum::{http::StatusCode, response::Response};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    answer,
    bulk::{ERRORS_MAX, Tally, counts, is_zero},
    rows::{Place, Unreadable},
};
use bin_common_handler::models::{error::Error, sock};

/// Counts that are always told.
const COUNTS: [&str; 3] = ["created", "skipped", "duplicates"];

/// The sums over all batches.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Summary {
    /// The numbers in the manager's replies.
    #[serde(flatten)]
    counts: BTreeMap<String, u64>,
    /// `Row n: …`, as the file's reader counts its rows.
    errors: Vec<String>,
    /// Errors beyond the first 1,000.
    #[serde(skip_serializing_if = "is_zero")]
    more_errors: u64,
    /// Columns that were not looked at.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    ignored: BTreeSet<String>,
    #[serde(skip)]
    refused: u64,
    #[serde(skip)]
    stopped: Option<String>,
}

impl Default for Summary {
    fn default() -> Self {
        Self {
            counts: COUNTS.map(|name| (name.to_owned(), 0)).into(),
            errors: Vec::new(),
            more_errors: 0,
            ignored: BTreeSet::new(),
            refused: 0,
            stopped: None,
        }
    }
}

impl Tally for Summary {
    fn answered(&mut self, place: &Place, reply: &sock::Response) {
        let said: Value = serde_json::from_str(reply.body()).unwrap_or_default();
        if reply.status_code >= 400 {
            self.refused += 1;
            return self.refused(place, &said);
        }
        for (name, number) in counts(&said) {
            *self.counts.entry(name.to_owned()).or_default() += number;
        }
        for error in list(&said, "errors") {
            self.add(row(place, error), text(error, "message"));
        }
        let names = list(&said, "ignored").iter().filter_map(Value::as_str);
        self.ignored(names.map(str::to_owned).collect());
    }

    fn unreadable(&mut self, rows: Unreadable) {
        for (number, fault) in rows.told {
            self.add(number, &fault);
        }
        self.more_errors += rows.more;
    }

    fn ignored(&mut self, names: Vec<String>) {
        self.ignored.extend(names);
    }

    fn stopped(&mut self, place: &Place, error: Error) {
        let stopped = format!(
            "Stopped at row {}: {}",
            row(place, &Value::Null),
            error.message()
        );
        self.errors.push(stopped.clone());
        self.stopped = Some(stopped);
    }

    fn answer(self, _batches: u64) -> Response {
        let status = if self.refused == 0 && self.stopped.is_none() {
            StatusCode::OK
        } else {
            StatusCode::MULTI_STATUS
        };
        let body = json!({
            "success": self.is_success(),
            "message": self.message(),
            "data": &self,
        });
        answer::json(status, &body)
    }
}

impl Summary {
    /// A batch of which nothing was taken: the rows that are to blame, or all of it.
    fn refused(&mut self, place: &Place, said: &Value) {
        let message = text(said, "message");
        let blamed: Vec<_> = list(said, "details")
            .iter()
            .filter(|detail| detail.get("index").is_some())
            .collect();
        if blamed.is_empty() {
            let (first, last) = (place.numbers.first(), place.numbers.last());
            let (first, last) = (first.unwrap_or(&0), last.unwrap_or(&0));
            self.push(format!("Rows {first} to {last}: {message}"));
        }
        for detail in blamed {
            let own = detail.get("message").and_then(Value::as_str);
            self.add(row(place, detail), own.unwrap_or(message));
        }
    }

    fn add(&mut self, row: u64, message: &str) {
        self.push(format!("Row {row}: {message}"));
    }

    fn push(&mut self, error: String) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(error);
        } else {
            self.more_errors += 1;
        }
    }

    /// True unless it stopped midway, or there were only errors.
    fn is_success(&self) -> bool {
        let is_nothing_done = self.counts.values().all(|count| *count == 0);
        self.stopped.is_none() && (self.errors.is_empty() || !is_nothing_done)
    }

    fn message(&self) -> String {
        if let Some(stopped) = &self.stopped {
            return stopped.clone();
        }
        let number = |name: &str| self.counts.get(name).copied().unwrap_or(0);
        let errors = self.errors.len() as u64 + self.more_errors;
        let [created, skipped, duplicates] = COUNTS.map(number);
        let mut message = format!(
            "{created} created, {duplicates} duplicates, {skipped} skipped, {errors} errors"
        );
        if !self.ignored.is_empty() {
            let names: Vec<_> = self.ignored.iter().map(String::as_str).collect();
            message.push_str("; ignored columns: ");
            message.push_str(&names.join(", "));
        }
        message
    }
}

/// What people call the row that an error is about; of one that says nothing the batch's first.
fn row(place: &Place, error: &Value) -> u64 {
    let index = error.get("index").and_then(Value::as_u64).unwrap_or(0);
    let number = usize::try_from(index)
        .ok()
        .and_then(|index| place.numbers.get(index));
    number.or(place.numbers.first()).copied().unwrap_or(0)
}

fn list<'v>(value: &'v Value, name: &str) -> &'v [Value] {
    value
        .get(name)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    fn reply(status_code: u16, data: Value) -> sock::Response {
        sock::Response::with(status_code, "application/json", &data)
    }

    fn place(numbers: &[u64]) -> Place {
        Place {
            first_row: 0,
            numbers: numbers.to_vec(),
        }
    }

    async fn read(summary: Summary) -> (u16, Value) {
        let answer = summary.answer(1);
        let status = answer.status().as_u16();
        let bytes = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn rows_are_named_as_their_reader_counts_them() {
        let mut summary = Summary::default();
        let said = json!({
            "created": 2,
            "skipped": 0,
            "duplicates": 1,
            "updated": 1,
            "errors": [{"index": 1, "message": "no number"}],
        });
        summary.answered(&place(&[2, 5, 6]), &reply(200, said));
        summary.answered(
            &place(&[9]),
            &reply(200, json!({"created": 1, "errors": []})),
        );
        let expected = json!({
            "success": true,
            "message": "3 created, 1 duplicates, 0 skipped, 1 errors",
            "data": {
                "created": 3,
                "skipped": 0,
                "duplicates": 1,
                "updated": 1,
                "errors": ["Row 5: no number"],
            },
        });
        assert_eq!(read(summary).await, (200, expected));
    }

    #[tokio::test]
    async fn a_refused_batch_names_who_is_to_blame() {
        let mut summary = Summary::default();
        let details = json!([{"index": 1, "message": "bad"}, {"index": 0}, {"other": 1}]);
        let said = json!({"message": "A row is wrong.", "details": details});
        summary.answered(&place(&[2, 3]), &reply(400, said));
        summary.answered(&place(&[4, 7]), &reply(409, json!({"message": "No."})));
        let (status, body) = read(summary.clone()).await;
        assert_eq!((status, &body["success"]), (207, &json!(false)));
        let errors = json!(["Row 3: bad", "Row 2: A row is wrong.", "Rows 4 to 7: No."]);
        assert_eq!(body["data"]["errors"], errors);
        summary.answered(&place(&[8]), &reply(200, json!({"created": 1})));
        let (status, body) = read(summary).await;
        assert_eq!((status, &body["success"]), (207, &json!(true)));
    }

    #[tokio::test]
    async fn a_stop_midway_is_no_success_and_says_where() {
        let mut summary = Summary::default();
        summary.answered(&place(&[2]), &reply(200, json!({"created": 1})));
        summary.stopped(&place(&[1_002]), Error::unavailable("database", "x"));
        let (status, body) = read(summary).await;
        let message = "Stopped at row 1002: The database is not available now; try again.";
        assert_eq!((status, &body["success"]), (207, &json!(false)));
        assert_eq!(body["message"], message);
        assert_eq!(body["data"]["errors"], json!([message]));
        assert_eq!(body["data"]["created"], 1);
    }

    #[tokio::test]
    async fn only_errors_are_no_success_and_nothing_to_do_is_one() {
        let mut summary = Summary::default();
        assert_eq!(read(summary.clone()).await.1["success"], json!(true));
        let errors: Vec<_> = (0..1_003)
            .map(|index| json!({"index": index, "message": "no"}))
            .collect();
        let numbers: Vec<_> = (2..1_005).collect();
        summary.answered(
            &place(&numbers),
            &reply(200, json!({"created": 0, "errors": errors})),
        );
        let (status, body) = read(summary).await;
        assert_eq!((status, &body["success"]), (200, &json!(false)));
        assert_eq!(body["data"]["errors"].as_array().unwrap().len(), 1_000);
        assert_eq!(body["data"]["more_errors"], 3);
        assert_eq!(
            body["message"],
            "0 created, 0 duplicates, 0 skipped, 1003 errors"
        );
    }
}
