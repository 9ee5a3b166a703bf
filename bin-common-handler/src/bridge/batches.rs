//! The body of a bulk request as batches of rows, read no further ahead than one batch.

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use serde_json::value::RawValue;
use tokio::time::{Instant, timeout_at};

use super::{
    BadRows, Splitter, answer,
    forward::{parse, refuse_large},
    rows::ROW_MAX,
};
use crate::models::error::{Error, Result};

/// Largest body of a bulk request, in bytes.
pub(super) const BULK_LIMIT: usize = 32 * 1024 * 1024;
/// Rows in a batch at most.
const ROWS_MAX: usize = 1_000;
/// Bytes in a batch at most: with the longest uri its envelope stays under 900 KiB.
const BATCH_BYTES_MAX: usize = 860 * 1024;

/// Some rows that follow each other, as one JSON array.
#[derive(Debug)]
pub(super) struct Batch {
    /// Position of its first row in the body, from 0.
    pub first_row: usize,
    pub rows: usize,
    pub data: Box<RawValue>,
}

/// Reads batches from a body.
pub(super) struct Batches {
    body: Body,
    deadline: Instant,
    bytes_read: usize,
    splitter: Splitter,
    /// What was read and not yet split.
    chunk: Bytes,
    /// A row that did not fit into the batch before.
    left_over: Option<Vec<u8>>,
    /// Rows and batches that were given.
    rows: usize,
    is_first: bool,
    ahead: Option<Batch>,
}

impl Batches {
    pub(super) fn new(body: Body, deadline: Instant) -> Result<Self> {
        refuse_large(&body, BULK_LIMIT)?;
        Ok(Self {
            body,
            deadline,
            bytes_read: 0,
            splitter: Splitter::default(),
            chunk: Bytes::new(),
            left_over: None,
            rows: 0,
            is_first: true,
            ahead: None,
        })
    }

    /// Whether another batch follows; it is kept for [`Self::next`].
    pub(super) async fn has_more(&mut self) -> Result<bool> {
        self.ahead = self.next().await?;
        Ok(self.ahead.is_some())
    }

    /// Position of the row after the last one that was read into a batch.
    pub(super) fn next_row_index(&self) -> usize {
        self.rows
    }

    /// The next batch; an empty array has one batch without rows.
    pub(super) async fn next(&mut self) -> Result<Option<Batch>> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(ahead));
        }
        let (mut text, mut rows) = (vec![b'['], 0);
        while let Some(row) = self.next_row().await? {
            let is_full = text.len() + row.len() + 2 > BATCH_BYTES_MAX;
            if rows == ROWS_MAX || (rows > 0 && is_full) {
                self.left_over = Some(row);
                break;
            }
            if rows > 0 {
                text.push(b',');
            }
            text.extend_from_slice(&row);
            rows += 1;
        }
        if rows == 0 && !std::mem::take(&mut self.is_first) {
            return Ok(None);
        }
        self.is_first = false;
        text.push(b']');
        let data = parse(&text)?;
        let first_row = self.rows;
        self.rows += rows;
        Ok(Some(Batch {
            first_row,
            rows,
            data,
        }))
    }

    async fn next_row(&mut self) -> Result<Option<Vec<u8>>> {
        if let Some(row) = self.left_over.take() {
            return Ok(Some(row));
        }
        loop {
            let mut unread: &[u8] = &self.chunk;
            let row = self.splitter.next_row(&mut unread).map_err(refusal)?;
            let unread = self.chunk.len() - unread.len();
            self.chunk = self.chunk.split_off(unread);
            if row.is_some() {
                return Ok(row);
            }
            match self.next_chunk().await? {
                Some(chunk) => self.chunk = chunk,
                None => return self.splitter.finish().map(|()| None).map_err(refusal),
            }
        }
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>> {
        let frame = timeout_at(self.deadline, self.body.frame())
            .await
            .map_err(|_| answer::too_slow())?;
        let Some(frame) = frame else {
            return Ok(None);
        };
        let chunk = frame
            .map_err(|fault| answer::bad_body("The body did not arrive whole.").caused_by(fault))?
            .into_data()
            .unwrap_or_default();
        self.bytes_read = self.bytes_read.saturating_add(chunk.len());
        if self.bytes_read > BULK_LIMIT {
            return Err(answer::too_large(BULK_LIMIT));
        }
        Ok(Some(chunk))
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
        let mut batches = Batches::new(Body::from(text), deadline)?;
        let mut seen = Vec::new();
        while let Some(batch) = batches.next().await? {
            seen.push((batch.first_row, batch.rows, batch.data.get().len()));
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
        for text in ["", "{}", "[1", "[1]x", "[tru]"] {
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
        let error = Batches::new(body, deadline)
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
        let error = Batches::new(body, deadline)
            .unwrap()
            .next()
            .await
            .unwrap_err();
        assert_eq!(error.reason(), "REQUEST_TIMEOUT");
    }
}
