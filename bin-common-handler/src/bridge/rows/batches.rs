//! The rows of a body as batches, read no further ahead than one batch.

use axum::body::{Body, Bytes};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::{
    chunks::Chunks,
    csv::CsvRows,
    json::JsonRows,
    splitter::{BadRows, ROW_MAX, Row},
};
use crate::{
    bridge::{answer, forward::parse},
    models::error::{Error, Result},
};

/// Rows in a batch at most.
const ROWS_MAX: usize = 1_000;
/// Bytes in a batch at most: with the longest uri its envelope stays under 900 KiB.
const BATCH_BYTES_MAX: usize = 860 * 1024;

/// Some rows that follow each other, as one JSON array.
#[derive(Debug)]
pub(in crate::bridge) struct Batch {
    pub place: Place,
    pub data: Box<RawValue>,
}

/// Where the rows of a batch stand in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::bridge) struct Place {
    /// Rows before the first one.
    pub first_row: usize,
    /// What people call each row; see [`Row::number`].
    pub numbers: Vec<u64>,
}

/// How the rows are written.
pub(super) enum Rows {
    /// As an array, or as an object's first.
    Json(Box<JsonRows>),
    /// As lines.
    Csv(Box<CsvRows>),
}

/// Reads batches from a body.
pub(in crate::bridge) struct Batches {
    chunks: Chunks,
    rows: Rows,
    /// What was read and not yet split.
    chunk: Bytes,
    /// A row that did not fit into the batch before.
    left_over: Option<Row>,
    /// Rows in the batches that were made.
    count: usize,
    last_number: u64,
    is_first: bool,
    ahead: Option<Batch>,
}

impl Batches {
    /// The rows in `chunks`.
    pub(super) fn new(chunks: Chunks, rows: Rows) -> Self {
        Self {
            chunks,
            rows,
            chunk: Bytes::new(),
            left_over: None,
            count: 0,
            last_number: 0,
            is_first: true,
            ahead: None,
        }
    }

    /// The rows of a JSON body.
    pub(in crate::bridge) fn json(body: Body, deadline: Instant) -> Result<Self> {
        let chunks = Chunks::whole(body, deadline)?;
        Ok(Self::new(chunks, Rows::Json(Box::default())))
    }

    /// Whether another batch follows; it is kept for [`Self::next`].
    pub(in crate::bridge) async fn has_more(&mut self) -> Result<bool> {
        self.ahead = self.next().await?;
        Ok(self.ahead.is_some())
    }

    /// Where the row stands that comes after the last one that was read into a batch.
    pub(in crate::bridge) fn rest(&self) -> Place {
        Place {
            first_row: self.count,
            numbers: vec![self.last_number + 1],
        }
    }

    /// The next batch; a body without rows has one batch without rows.
    pub(in crate::bridge) async fn next(&mut self) -> Result<Option<Batch>> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(ahead));
        }
        let (mut text, mut numbers) = (vec![b'['], Vec::new());
        while let Some(row) = self.next_row().await? {
            let is_full = text.len() + row.text.len() + 2 > BATCH_BYTES_MAX;
            if numbers.len() == ROWS_MAX || (!numbers.is_empty() && is_full) {
                self.left_over = Some(row);
                break;
            }
            if !numbers.is_empty() {
                text.push(b',');
            }
            text.extend_from_slice(&row.text);
            numbers.push(row.number);
        }
        if numbers.is_empty() && !std::mem::take(&mut self.is_first) {
            return Ok(None);
        }
        self.is_first = false;
        text.push(b']');
        let data = parse(&text)?;
        let first_row = self.count;
        self.count += numbers.len();
        self.last_number = numbers.last().copied().unwrap_or(self.last_number);
        let place = Place { first_row, numbers };
        Ok(Some(Batch { place, data }))
    }

    async fn next_row(&mut self) -> Result<Option<Row>> {
        if let Some(row) = self.left_over.take() {
            return Ok(Some(row));
        }
        loop {
            let mut unread: &[u8] = &self.chunk;
            let row = self.rows.next_row(&mut unread).map_err(refusal)?;
            let read = self.chunk.len() - unread.len();
            self.chunk = self.chunk.split_off(read);
            if row.is_some() {
                return Ok(row);
            }
            match self.chunks.next().await? {
                Some(chunk) => self.chunk = chunk,
                None => return self.rows.finish().map_err(refusal),
            }
        }
    }
}

impl Rows {
    fn next_row(&mut self, input: &mut &[u8]) -> Result<Option<Row>, BadRows> {
        match self {
            Self::Json(rows) => rows.next_row(input),
            Self::Csv(rows) => rows.next_row(input),
        }
    }

    /// The last row, where only the end tells that it is whole.
    fn finish(&mut self) -> Result<Option<Row>, BadRows> {
        match self {
            Self::Json(rows) => rows.finish().map(|()| None),
            Self::Csv(rows) => rows.finish(),
        }
    }
}

fn refusal(bad: BadRows) -> Error {
    match bad {
        BadRows::NotAnArray => answer::bad_body("The body must be one JSON array of rows."),
        BadRows::RowTooLarge => answer::too_large(ROW_MAX),
        BadRows::LineTooLong => {
            answer::bad_body("A line has more than 64 KiB; perhaps a quote is not closed.")
        }
        BadRows::QuoteOpen => answer::bad_body("A quote is not closed."),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    async fn batches(text: String) -> Result<Vec<(usize, usize, usize)>> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut batches = Batches::json(Body::from(text), deadline)?;
        let mut seen = Vec::new();
        while let Some(batch) = batches.next().await? {
            let Place { first_row, numbers } = batch.place;
            seen.push((first_row, numbers.len(), batch.data.get().len()));
        }
        Ok(seen)
    }

    #[tokio::test]
    async fn a_batch_has_at_most_a_thousand_rows() {
        let text = format!("[{}]", vec!["1"; 2_000].join(","));
        let seen = batches(text).await.unwrap();
        assert_eq!(seen, [(0, 1_000, 2_001), (1_000, 1_000, 2_001)]);
    }

    #[tokio::test]
    async fn a_batch_of_large_rows_stays_under_its_limit() {
        let row = format!("\"{}\"", "x".repeat(400 * 1024));
        let text = format!("[{}]", vec![row; 5].join(","));
        let seen = batches(text).await.unwrap();
        assert_eq!(
            seen.iter().map(|batch| batch.1).collect::<Vec<_>>(),
            [2, 2, 1]
        );
        assert!(seen.iter().all(|batch| batch.2 <= BATCH_BYTES_MAX));
    }

    #[tokio::test]
    async fn an_empty_array_is_one_batch() {
        assert_eq!(batches("[]".to_owned()).await.unwrap(), [(0, 0, 2)]);
    }

    #[tokio::test]
    async fn what_is_no_array_or_no_json_is_refused() {
        for text in ["", "{}", "[1", "[1]x", "[tru]", "{\"a\":[1]"] {
            let error = batches(text.to_owned()).await.unwrap_err();
            assert_eq!(error.reason(), "INVALID_BODY", "{text}");
        }
    }

    #[tokio::test]
    async fn more_than_the_limit_is_refused_though_nobody_announced_it() {
        let chunk = Bytes::from(vec![b' '; 1024 * 1024]);
        let chunks = std::iter::repeat_n(chunk, 33).map(Ok::<_, std::io::Error>);
        let body = Body::from_stream(futures_util::stream::iter(chunks));
        let deadline = Instant::now() + Duration::from_secs(5);
        let error = Batches::json(body, deadline)
            .unwrap()
            .next()
            .await
            .unwrap_err();
        assert_eq!(error.reason(), "REQUEST_TOO_LARGE");
    }

    #[tokio::test]
    async fn a_body_that_stands_still_is_given_up() {
        let body =
            Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let deadline = Instant::now() + Duration::from_millis(20);
        let error = Batches::json(body, deadline)
            .unwrap()
            .next()
            .await
            .unwrap_err();
        assert_eq!(error.reason(), "REQUEST_TIMEOUT");
    }
}
