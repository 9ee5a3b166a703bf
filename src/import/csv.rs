//! Reads a CSV file: its records, laid out as its first one says.

use std::io::BufRead;

use tokio::sync::mpsc::Sender;

use super::{
    batch::{Batch, Batches, Row},
    lines::{Cells, Record, Records},
    report::Report,
};

/// What the cells of a file's records are.
pub trait Layout: Sized {
    /// What may stand between cells; the first record decides which one does.
    const DELIMITERS: &'static [u8];
    /// Why an empty file is none.
    const EMPTY: &'static str;

    /// Learnt from the first record; true when that is a row itself, and no header.
    ///
    /// # Errors
    /// When no row can be read under such a header.
    fn of(first: &[String], report: &Report) -> Result<(Self, bool), String>;

    /// Where a record is, as people are told.
    fn at(record: &Record) -> u64;

    /// The row that a record holds.
    ///
    /// # Errors
    /// Says what is wrong with it, with phone numbers masked.
    fn row(&self, at: u64, cells: &[String]) -> Result<Row, String>;
}

/// Reads a whole file into batches, no faster than they are taken. Ends early when nobody takes them.
///
/// # Errors
/// When the file cannot be read, or its first row is no header.
pub fn read<L: Layout>(
    file: impl BufRead,
    rows_max: usize,
    report: &Report,
    out: &Sender<Batch>,
) -> Result<(), String> {
    let mut records = Records::new(file);
    let delimiter = records.delimiter(L::DELIMITERS).map_err(text)?;
    let mut cells = Cells::new(delimiter);
    let mut batches = Batches::new(rows_max, out);
    let first = records.next().map_err(text)?.ok_or(L::EMPTY)?;
    let at = L::at(&first);
    let names = first.text.and_then(|text| cells.of(&text));
    let names = names.map_err(|fault| format!("{} {at} {fault}", report.unit()))?;
    let (layout, is_row) = L::of(&names, report)?;
    if is_row {
        let row = layout.row(at, &names).map_err(|fault| (at, fault));
        batches.add(row, records.bytes(), report);
    }
    while let Some(record) = records.next().map_err(text)? {
        let row = row(record, &layout, &mut cells);
        if !batches.add(row, records.bytes(), report) {
            return Ok(());
        }
    }
    batches.finish();
    Ok(())
}

fn row<L: Layout>(record: Record, layout: &L, cells: &mut Cells) -> Result<Row, (u64, String)> {
    let at = L::at(&record);
    let cells = record.text.and_then(|text| cells.of(&text));
    let cells = cells.map_err(|fault| (at, fault.to_owned()))?;
    layout.row(at, &cells).map_err(|fault| (at, fault))
}

fn text(fault: std::io::Error) -> String {
    fault.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::targets::Columns;

    fn batches(file: &str, rows_max: usize) -> (Vec<Batch>, Report) {
        let report = Report::silent();
        let (out, mut taken) = tokio::sync::mpsc::channel(100);
        read::<Columns>(file.as_bytes(), rows_max, &report, &out).unwrap();
        let mut all = Vec::new();
        while let Ok(batch) = taken.try_recv() {
            all.push(batch);
        }
        (all, report)
    }

    #[test]
    fn rows_are_grouped_and_bad_ones_told_with_their_line() {
        let file =
            "destination_0,name\n+14155550100,a\nnope,b\n\"x\n+14155550101,c\n+14155550102,d\n";
        let (batches, report) = batches(file, 2);
        let lines: Vec<Vec<u64>> = batches
            .iter()
            .map(|batch| batch.rows.iter().map(|row| row.at).collect())
            .collect();
        assert_eq!(lines, [vec![2, 5], vec![6]]);
        assert_eq!(batches[1].number, 1);
        assert_eq!(batches[1].bytes, u64::try_from(file.len()).unwrap());
        let told: Vec<u64> = report.told().into_iter().map(|(line, _)| line).collect();
        assert_eq!(told, [3, 4]);
    }

    #[test]
    fn large_rows_make_smaller_batches() {
        let row = format!("+14155550100,{}\n", "x".repeat(60_000));
        let (batches, _) = batches(&format!("destination_0,data\n{}", row.repeat(20)), 500);
        assert_eq!(batches.len(), 2);
        assert_eq!(
            batches.iter().map(|batch| batch.rows.len()).sum::<usize>(),
            20
        );
    }

    #[test]
    fn an_empty_file_says_what_is_missing() {
        let (out, _taken) = tokio::sync::mpsc::channel(1);
        let fault = read::<Columns>(&b""[..], 2, &Report::silent(), &out).unwrap_err();
        assert!(fault.contains("names the columns"), "{fault}");
    }

    #[test]
    fn nobody_is_waited_for_who_does_not_take() {
        let (out, taken) = tokio::sync::mpsc::channel(1);
        drop(taken);
        let file = format!("destination_0\n{}", "+14155550100\n".repeat(100));
        read::<Columns>(file.as_bytes(), 2, &Report::silent(), &out).unwrap();
    }
}
