//! Groups rows into what one request carries.

use std::io::BufRead;

use tokio::sync::mpsc::Sender;

use super::{
    lines::{Cells, Record, Records},
    report::Report,
    row::{Columns, Row},
};

/// A request's body stays below this, well under the largest that a daemon reads.
const BODY_MAX: usize = 768 * 1024;

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

/// Reads a whole file into batches, no faster than they are taken. Ends early when nobody takes them.
///
/// # Errors
/// When the file cannot be read, or its first row is no header.
pub fn read(
    file: impl BufRead,
    rows_max: usize,
    report: &Report,
    out: &Sender<Batch>,
) -> Result<(), String> {
    let (mut records, mut cells) = (Records::new(file), Cells::default());
    let columns = header(&mut records, &mut cells, report)?;
    let mut batch = Batch::default();
    while let Some(record) = records.next().map_err(|fault| fault.to_string())? {
        match row(record, &columns, &mut cells) {
            Ok(row) => {
                if batch.rows.len() >= rows_max || batch.size + row.body.get().len() > BODY_MAX {
                    let next = batch.number + 1;
                    if out.blocking_send(batch).is_err() {
                        return Ok(());
                    }
                    batch = Batch {
                        number: next,
                        ..Batch::default()
                    };
                }
                batch.size += row.body.get().len();
                batch.rows.push(row);
            }
            Err((line, message)) => report.bad(line, &message),
        }
        batch.bytes = records.bytes();
    }
    if !batch.rows.is_empty() {
        // Refused only when the import was given up.
        let _ = out.blocking_send(batch);
    }
    Ok(())
}

fn header(
    records: &mut Records<impl BufRead>,
    cells: &mut Cells,
    report: &Report,
) -> Result<Columns, String> {
    let first = records.next().map_err(|fault| fault.to_string())?;
    let first = first.ok_or("the file is empty; its first row names the columns")?;
    let names = first.text.and_then(|text| cells.of(&text));
    let names = names.map_err(|fault| format!("line {} {fault}", first.line))?;
    let (columns, ignored) = Columns::of(&names)?;
    if !ignored.is_empty() {
        report.note(&format!(
            "columns that a target does not have are ignored: {}",
            ignored.join(", ")
        ));
    }
    Ok(columns)
}

fn row(record: Record, columns: &Columns, cells: &mut Cells) -> Result<Row, (u64, String)> {
    let line = record.line;
    let cells = record.text.and_then(|text| cells.of(&text));
    let cells = cells.map_err(|fault| (line, fault.to_owned()))?;
    columns.row(line, &cells).map_err(|fault| (line, fault))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batches(file: &str, rows_max: usize) -> (Vec<Batch>, Report) {
        let report = Report::silent();
        let (out, mut taken) = tokio::sync::mpsc::channel(100);
        read(file.as_bytes(), rows_max, &report, &out).unwrap();
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
            .map(|batch| batch.rows.iter().map(|row| row.line).collect())
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
        let fault = read(&b""[..], 2, &Report::silent(), &out).unwrap_err();
        assert!(fault.contains("names the columns"), "{fault}");
    }
}
