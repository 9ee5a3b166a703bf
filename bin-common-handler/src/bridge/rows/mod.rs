//! The rows of a bulk request, out of whatever body they come in, while it comes in.

mod batches;
mod chunks;
mod csv;
mod json;
mod splitter;
mod upload;

pub(super) use batches::{Batch, Batches, Place};
pub(super) use chunks::BULK_LIMIT;
pub use splitter::{BadRows, Splitter};
pub(super) use upload::open;

/// The rows of a CSV file that comes in pieces, for tests that have any bytes for a file.
#[cfg(feature = "test-support")]
pub(crate) fn cut_csv(file: &[u8], piece: usize) -> Result<Vec<Vec<u8>>, BadRows> {
    let (mut csv, mut rows) = (csv::CsvRows::default(), Vec::new());
    for mut piece in file.chunks(piece.max(1)) {
        while let Some(row) = csv.next_row(&mut piece)? {
            rows.push(row.text);
        }
    }
    rows.extend(csv.finish()?.map(|row| row.text));
    Ok(rows)
}
