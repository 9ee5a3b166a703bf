//! Sends a batch: again when nobody answered, without the rows that the manager refuses.

use bin_common_handler::{
    backoff::Backoff,
    models::{
        error::Status,
        sock::{Method, Request, Response},
    },
};
use serde::Deserialize;

use super::{
    batch::{Batch, Row},
    report::Report,
};
use crate::client::{Ask, not_understood, status_line};

/// How often one request is repeated before the import gives up.
const RETRIES_MAX: u32 = 5;

/// What a manager did with a batch.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Sent {
    /// What is new.
    pub created: u64,
    /// What was there and was changed.
    pub updated: u64,
    /// Of targets rows whose key was seen before, of numbers rows without any text.
    pub skipped: u64,
    /// Numbers that were there, or stood in an earlier row.
    pub duplicates: u64,
}

impl Sent {
    /// Counts another batch.
    pub fn add(&mut self, other: Self) {
        self.created += other.created;
        self.updated += other.updated;
        self.skipped += other.skipped;
        self.duplicates += other.duplicates;
    }
}

/// Where all batches of an import go.
pub struct Import<'a, A> {
    /// The way to the manager.
    pub ask: &'a A,
    /// The route that takes them.
    pub uri: String,
    /// Names this import; see [`Import::key`].
    pub run: String,
    /// Where the outcome is told.
    pub report: &'a Report,
}

/// The reply to a batch that was taken, though perhaps not every row of it. A bridge wraps it for people.
#[derive(Deserialize)]
struct Done {
    data: Option<Box<Done>>,
    #[serde(flatten)]
    sent: Sent,
    #[serde(default)]
    errors: Vec<Fault>,
}

/// What is wrong with one row.
#[derive(Deserialize)]
#[serde(untagged)]
enum Fault {
    /// By its position in the request, from 0.
    Typed(Detail),
    /// `Row 3: …`, from 1.
    Text(String),
}

/// The reply that names the bad rows of a batch, of which none was imported.
#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    details: Vec<Detail>,
}

#[derive(Deserialize)]
struct Detail {
    index: usize,
    #[serde(default)]
    field: String,
    #[serde(default)]
    message: String,
}

/// Why an import cannot go on.
#[derive(Debug, PartialEq, Eq)]
pub struct Stopped {
    /// For people.
    pub why: String,
    /// The same request would be refused again: something else has to change first.
    pub is_final: bool,
}

impl From<String> for Stopped {
    fn from(why: String) -> Self {
        Self {
            why,
            is_final: false,
        }
    }
}

impl Stopped {
    fn refused(response: &Response) -> Self {
        Self {
            why: status_line(response),
            is_final: (400..500).contains(&response.status_code) && response.status_code != 429,
        }
    }
}

impl<A: Ask> Import<'_, A> {
    /// Imports what is good of a batch.
    ///
    /// # Errors
    /// When the import cannot go on.
    pub async fn send(&self, batch: Batch) -> Result<(), Stopped> {
        let mut rows = batch.rows;
        let mut sent = Sent::default();
        let mut part = 0_u32;
        while !rows.is_empty() {
            let response = self.request(&rows, self.key(batch.number, part)).await?;
            match response.status_code {
                200 => {
                    sent = self.taken(&rows, &response)?;
                    break;
                }
                400 => rows = self.without_bad(rows, &response)?,
                _ => return Err(Stopped::refused(&response)),
            }
            part += 1;
        }
        self.report.done(sent, batch.bytes);
        Ok(())
    }

    /// Asks for what makes the import count, once every row was taken.
    ///
    /// # Errors
    /// When it is refused, or nobody answers.
    pub async fn finish(&self, uri: &str, body: &serde_json::Value) -> Result<(), Stopped> {
        let request = Request::new(Method::Post, uri, "tandem").json(body);
        let mut request = request.map_err(|fault| fault.to_string())?;
        request.idempotency_key = Some(format!("import-{}-end", self.run));
        let response = self.persist(&request).await?;
        match response.status_code {
            200 => Ok(()),
            _ => Err(Stopped::refused(&response)),
        }
    }

    /// A repeated request has the same key, so that a lost reply doubles nothing. The file's content is no
    /// part of it: the same file may be imported again on purpose, and that is another run.
    fn key(&self, batch: u64, part: u32) -> String {
        format!("import-{}-{batch}-{part}", self.run)
    }

    async fn request(&self, rows: &[Row], key: String) -> Result<Response, String> {
        let targets: Vec<_> = rows.iter().map(|row| &row.body).collect();
        let mut request = Request::new(Method::Post, &self.uri, "tandem")
            .json(&targets)
            .map_err(|fault| fault.to_string())?;
        request.idempotency_key = Some(key);
        self.persist(&request).await
    }

    /// Asks again while nobody answers.
    async fn persist(&self, request: &Request) -> Result<Response, String> {
        let mut backoff = Backoff::default();
        let mut first_fault = None;
        for _ in 0..RETRIES_MAX {
            match self.ask.ask(request).await {
                Ok(reply) if !matches!(reply.status_code, 429 | 503) => return Ok(reply),
                Err(fault) if fault.status() != Status::Unavailable => {
                    return Err(fault.to_string());
                }
                reply => first_fault = first_fault.or(reply.err()),
            }
            tokio::time::sleep(backoff.next_pause()).await;
        }
        // The first failure says why; later ones perhaps only that another attempt is too early.
        let last = self.ask.ask(request).await;
        last.map_err(|fault| first_fault.unwrap_or(fault).to_string())
    }

    /// What became of a batch that was taken, with its bad rows told.
    fn taken(&self, rows: &[Row], response: &Response) -> Result<Sent, String> {
        let done: Done = serde_json::from_str(response.body()).map_err(not_understood)?;
        let (sent, errors) = match done.data {
            Some(wrapped) => (wrapped.sent, wrapped.errors),
            None => (done.sent, done.errors),
        };
        for fault in &errors {
            let (index, message) = fault.read();
            match rows.get(index) {
                Some(row) => self.report.bad(row.at, &row.masked(&message)),
                None => return Err(not_understood(message)),
            }
        }
        Ok(sent)
    }

    /// Tells the rows that the manager refuses, and gives back the others.
    fn without_bad(&self, rows: Vec<Row>, response: &Response) -> Result<Vec<Row>, Stopped> {
        let refusal: Refusal = serde_json::from_str(response.body()).unwrap_or(Refusal {
            details: Vec::new(),
        });
        let count = rows.len();
        let mut good = Vec::with_capacity(count);
        for (index, row) in rows.into_iter().enumerate() {
            match refusal.details.iter().find(|detail| detail.index == index) {
                None => good.push(row),
                Some(detail) => self.report.bad(row.at, &row.masked(&detail.text())),
            }
        }
        // Nothing less to send: the manager refuses the request, not its rows.
        if good.len() == count {
            return Err(Stopped::refused(response));
        }
        Ok(good)
    }
}

impl Fault {
    /// The row's position in the request, from 0, and what is wrong.
    fn read(&self) -> (usize, String) {
        match self {
            Self::Typed(detail) => (detail.index, detail.text()),
            Self::Text(text) => {
                let told = text
                    .strip_prefix("Row ")
                    .and_then(|rest| rest.split_once(": "));
                let told = told.and_then(|(row, what)| Some((row.parse::<usize>().ok()?, what)));
                told.map_or((usize::MAX, text.clone()), |(row, what)| {
                    (row.wrapping_sub(1), what.to_owned())
                })
            }
        }
    }
}

impl Detail {
    fn text(&self) -> String {
        if self.field.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.field, self.message)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use bin_common_handler::models::error::{Error, Result as Reply};
    use serde_json::json;

    use super::*;

    /// Answers from a list and remembers what it was asked.
    struct Fake {
        replies: Mutex<Vec<Reply<Response>>>,
        asked: Mutex<Vec<(usize, String)>>,
    }

    #[async_trait]
    impl Ask for Fake {
        async fn ask(&self, request: &Request) -> Reply<Response> {
            let rows: Vec<serde_json::Value> =
                serde_json::from_str(request.data.as_ref().unwrap().get()).unwrap();
            let key = request.idempotency_key.clone().unwrap();
            self.asked.lock().unwrap().push((rows.len(), key));
            self.replies.lock().unwrap().remove(0)
        }
    }

    async fn send(
        replies: Vec<Reply<Response>>,
    ) -> (Result<(), Stopped>, Vec<(usize, String)>, Report) {
        let fake = Fake {
            replies: Mutex::new(replies),
            asked: Mutex::default(),
        };
        let report = Report::silent();
        let row = |n: u64| Row {
            at: n + 2,
            numbers: vec![format!("+1415555010{n}")],
            body: serde_json::value::to_raw_value(&json!({})).unwrap(),
        };
        let rows = (0..4).map(row).collect();
        let import = Import {
            ask: &fake,
            uri: "/v1/things/bulk".to_owned(),
            run: "r".to_owned(),
            report: &report,
        };
        let outcome = import
            .send(Batch {
                rows,
                ..Batch::default()
            })
            .await;
        (outcome, fake.asked.into_inner().unwrap(), report)
    }

    fn created(n: u64) -> Reply<Response> {
        Ok(Response::ok(&json!({"created": n, "skipped": 0})))
    }

    fn refused(details: &[serde_json::Value]) -> Reply<Response> {
        let error = Error::invalid_argument("BAD_TARGETS", "Some targets are bad.");
        let error = details.iter().cloned().fold(error, Error::with_detail);
        Ok(error.to_response("outdial-manager"))
    }

    fn away() -> Reply<Response> {
        Err(Error::unavailable("broker", "x"))
    }

    #[tokio::test]
    async fn refused_rows_are_told_and_the_rest_is_sent_again_under_another_key() {
        let details = [
            json!({"index": 1, "field": "destination_0", "message": "+14155550101 is no number"}),
            json!({"index": 3, "message": "blocked"}),
        ];
        let (outcome, asked, report) = send(vec![refused(&details), created(2)]).await;
        outcome.unwrap();
        assert_eq!(
            asked,
            [
                (4, "import-r-0-0".to_owned()),
                (2, "import-r-0-1".to_owned())
            ]
        );
        assert_eq!(
            report.told(),
            [
                (3, "destination_0: +1415***0101 is no number".to_owned()),
                (5, "blocked".to_owned())
            ]
        );
        assert!(
            report
                .finish(false)
                .0
                .starts_with("2 created, 0 skipped (key seen before), 2 bad")
        );
    }

    #[tokio::test]
    async fn a_batch_of_bad_rows_only_is_not_sent_again() {
        let details: Vec<_> = (0..4)
            .map(|n| json!({"index": n, "message": "no"}))
            .collect();
        let (outcome, asked, report) = send(vec![refused(&details)]).await;
        outcome.unwrap();
        assert_eq!((asked.len(), report.told().len()), (1, 4));
    }

    #[tokio::test]
    async fn a_lost_reply_is_asked_for_again_under_the_same_key() {
        let unavailable = Error::unavailable("database", "x").to_response("outdial-manager");
        let (outcome, asked, _) = send(vec![away(), Ok(unavailable), created(4)]).await;
        outcome.unwrap();
        assert_eq!(asked, vec![(4, "import-r-0-0".to_owned()); 3]);
    }

    #[tokio::test]
    async fn a_refusal_that_names_no_row_ends_the_import() {
        for details in [vec![], vec![json!({"index": 9, "message": "no"})]] {
            let (outcome, asked, _) = send(vec![refused(&details)]).await;
            assert_eq!(
                outcome.unwrap_err().why,
                "400 BAD_TARGETS: Some targets are bad."
            );
            assert_eq!(asked.len(), 1);
        }
    }

    #[tokio::test]
    async fn any_other_refusal_ends_the_import_at_once() {
        let error = Error::not_found("OUTDIAL_NOT_FOUND", "No.");
        let (outcome, asked, _) = send(vec![Ok(error.to_response("outdial-manager"))]).await;
        assert_eq!(outcome.unwrap_err().why, "404 OUTDIAL_NOT_FOUND: No.");
        assert_eq!(asked.len(), 1);
    }

    #[tokio::test]
    async fn after_five_retries_the_import_gives_up() {
        let (outcome, asked, _) = send((0..6).map(|_| away()).collect()).await;
        assert!(outcome.unwrap_err().why.contains("BROKER_UNAVAILABLE"));
        assert_eq!(asked.len(), 6);
    }

    #[tokio::test]
    async fn rows_of_a_batch_that_was_taken_are_told_where_they_stand() {
        let counts = Sent {
            created: 1,
            updated: 0,
            skipped: 1,
            duplicates: 1,
        };
        let direct = json!({
            "created": 1, "updated": 0, "skipped": 1, "duplicates": 1,
            "errors": [{"index": 2, "message": "+14155550102 is no number"}],
        });
        let wrapped = json!({
            "success": true, "message": "1 created",
            "data": {
                "created": 1, "skipped": 1, "duplicates": 1, "errors": ["Row 3: +14155550102 is no number"],
            },
        });
        for reply in [direct, wrapped] {
            let (outcome, _, report) = send(vec![Ok(Response::ok(&reply))]).await;
            outcome.unwrap();
            let told = vec![(4, "+1415***0102 is no number".to_owned())];
            assert_eq!(report.told(), told);
            assert_eq!(report.sent(), counts);
        }
    }

    #[tokio::test]
    async fn a_reply_about_a_row_that_was_not_sent_ends_the_import() {
        for errors in [
            json!([{"index": 4, "message": "x"}]),
            json!(["Row 0: x"]),
            json!(["x"]),
        ] {
            let reply = Response::ok(&json!({"created": 4, "errors": errors}));
            let (outcome, _, _) = send(vec![Ok(reply)]).await;
            assert!(outcome.unwrap_err().why.contains("not understood"));
        }
    }
}
