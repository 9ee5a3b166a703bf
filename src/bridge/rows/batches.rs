//! The rows of a body as batches, read no further ahead than one batch.

use axum::body::{Body, Bytes};
use serde_json::value::RawValue;
use tokio::time::Instant;

use super::chunks::Chunks;
use crate::bridge::{answer, bulk::ERRORS_MAX, forward::parse};
use bin_common_handler::{
    models::error::{Error, Result},
    table::{BadRows, JsonRows, ROW_MAX, Reader},
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
    /// What people call each row.
    pub numbers: Vec<u64>,
}

/// How the rows are written.
pub(super) enum Rows {
    /// As JSON that is passed on as it is.
    Json(Box<JsonRows>),
    /// As a table that is read here.
    Table(Box<Reader>),
}

/// Rows that are in no batch.
#[derive(Debug, Default)]
pub(in crate::bridge) struct Unreadable {
    /// Their numbers, and what is wrong with them.
    pub told: Vec<(u64, String)>,
    /// How many more there are.
    pub more: u64,
}

impl Unreadable {
    fn add(&mut self, number: u64, fault: String) {
        if self.told.len() < ERRORS_MAX {
            self.told.push((number, fault));
        } else {
            self.more += 1;
        }
    }
}

/// One row as JSON.
struct Row {
    /// As people count it: the row of a spreadsheet, or the position in an array, both from 1.
    number: u64,
    text: Vec<u8>,
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
    /// Rows of JSON that were cut.
    cut: u64,
    is_first: bool,
    /// The body has ended.
    is_whole: bool,
    ahead: Option<Batch>,
    bad: Unreadable,
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
            cut: 0,
            is_first: true,
            is_whole: false,
            ahead: None,
            bad: Unreadable::default(),
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

    /// Rows that could not be read since the last call, and why.
    pub(in crate::bridge) fn take_bad(&mut self) -> Unreadable {
        std::mem::take(&mut self.bad)
    }

    /// The names of columns that are ignored.
    pub(in crate::bridge) fn ignored(&self) -> Vec<String> {
        match &self.rows {
            Rows::Json(_) => Vec::new(),
            Rows::Table(table) => table.ignored(),
        }
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
            if let Some(row) = self.read_row()? {
                return Ok(Some(row));
            }
            if self.is_whole {
                return Ok(None);
            }
            self.read_more().await?;
        }
    }

    /// A row of what was read.
    fn read_row(&mut self) -> Result<Option<Row>> {
        match &mut self.rows {
            Rows::Json(rows) => {
                let mut unread: &[u8] = &self.chunk;
                let text = rows.next_row(&mut unread).map_err(refusal)?;
                let read = self.chunk.len() - unread.len();
                self.chunk = self.chunk.split_off(read);
                self.cut += u64::from(text.is_some());
                let number = self.cut;
                Ok(text.map(|text| Row { number, text }))
            }
            Rows::Table(table) => {
                while let Some(row) = table.next_row()? {
                    let number = row.number;
                    match row.fields {
                        Ok(fields) => {
                            let text = serde_json::to_vec(&fields).map_err(Error::internal)?;
                            return Ok(Some(Row { number, text }));
                        }
                        Err(fault) => self.bad.add(number, fault),
                    }
                }
                Ok(None)
            }
        }
    }

    async fn read_more(&mut self) -> Result<()> {
        let chunk = self.chunks.next().await?;
        self.is_whole = chunk.is_none();
        match (&mut self.rows, chunk) {
            (Rows::Json(_), Some(chunk)) => self.chunk = chunk,
            (Rows::Json(rows), None) => rows.finish().map_err(refusal)?,
            (Rows::Table(table), Some(chunk)) => table.push(&chunk)?,
            (Rows::Table(table), None) => table.finish()?,
        }
        Ok(())
    }
}

fn refusal(bad: BadRows) -> Error {
    match bad {
        BadRows::NotAnArray => answer::bad_body("The body must be one JSON array of rows."),
        BadRows::RowTooLarge => answer::too_large(ROW_MAX),
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
