//! Groups rows into what one request carries.

use bin_common_handler::redact;
use serde_json::value::RawValue;
use tokio::sync::mpsc::Sender;

use super::report::Report;

/// A request's body stays below this, well under the largest that a daemon reads.
const BODY_MAX: usize = 768 * 1024;

/// A row on its way.
#[derive(Debug)]
pub struct Row {
    /// Where it is in the file, as its report counts: the line, or the row of a spreadsheet.
    pub at: u64,
    /// What must not be printed whole.
    pub numbers: Vec<String>,
    /// The row, ready to send.
    pub body: Box<RawValue>,
}

impl Row {
    /// What somebody says about this row, with its phone numbers masked.
    pub fn masked(&self, message: &str) -> String {
        self.numbers
            .iter()
            .fold(message.to_owned(), |text, number| {
                text.replace(number.as_str(), &redact::phone(number))
            })
    }
}

/// The rows of one request.
#[derive(Debug, Default)]
pub struct Batch {
    /// Its number in the file, from 0: the same file gives the same batches.
    pub number: u64,
    /// The rows, in the order of the file.
    pub rows: Vec<Row>,
    /// How far into the file it reaches.
    pub bytes: u64,
    /// Bytes of its rows.
    pub size: usize,
}

/// Takes rows in and passes them on in batches, no faster than those are taken.
pub struct Batches<'o> {
    batch: Batch,
    rows_max: usize,
    out: &'o Sender<Batch>,
}

impl<'o> Batches<'o> {
    /// Batches of at most `rows_max` rows into `out`.
    pub fn new(rows_max: usize, out: &'o Sender<Batch>) -> Self {
        Self {
            batch: Batch::default(),
            rows_max,
            out,
        }
    }

    /// Adds a row, or tells `report` why there is none, and where; the file has been read up to `bytes`. False
    /// when the import was given up and nobody takes any more.
    pub fn add(&mut self, row: Result<Row, (u64, String)>, bytes: u64, report: &Report) -> bool {
        let goes_on = match row {
            Ok(row) => self.push(row),
            Err((at, fault)) => {
                report.bad(at, &fault);
                true
            }
        };
        self.batch.bytes = bytes;
        goes_on
    }

    fn push(&mut self, row: Row) -> bool {
        let size = row.body.get().len();
        if self.batch.rows.len() >= self.rows_max || self.batch.size + size > BODY_MAX {
            let next = Batch {
                number: self.batch.number + 1,
                ..Batch::default()
            };
            let full = std::mem::replace(&mut self.batch, next);
            if self.out.blocking_send(full).is_err() {
                return false;
            }
        }
        self.batch.size += size;
        self.batch.rows.push(row);
        true
    }

    /// Passes on what is left.
    pub fn finish(self) {
        if !self.batch.rows.is_empty() {
            // Refused only when the import was given up.
            let _ = self.out.blocking_send(self.batch);
        }
    }
}
