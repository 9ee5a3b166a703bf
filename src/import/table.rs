//! Reads the rows of a file with the reader that the bridge has, so that a file is the same on every way in.

use std::io::Read;

use bin_call_manager::models::dnclist;
use bin_common_handler::table::{Columns, Reader, Row as TableRow, Schema, TableFault};
use bin_did_manager::models::didcolumns;
use bin_outdial_manager::models::targetrow;
use serde_json::{Map, Value, value::to_raw_value};
use tokio::sync::mpsc::Sender;

use super::{
    batch::{Batch, Batches, Row},
    report::Report,
};

/// Read at once.
const PIECE: usize = 64 * 1024;
/// A text with so many digits may be a phone number, and is masked where it is told.
const PHONE_DIGITS_MIN: usize = 7;

type Fields = Map<String, Value>;

/// What is done with a row before it is sent.
struct Rules {
    schema: &'static Schema,
    /// What people call a row.
    at: fn(&TableRow) -> u64,
    check: fn(&Fields) -> Result<Fields, String>,
}

/// Reads caller-ID numbers; what is wrong with one, the manager says.
///
/// # Errors
/// When the file cannot be read, or its columns leave doubt.
pub fn dids(
    file: impl Read,
    rows_max: usize,
    report: &Report,
    out: &Sender<Batch>,
) -> Result<(), String> {
    let rules = Rules {
        schema: &didcolumns::COLUMNS,
        at: |row| row.number,
        check: |row| Ok(row.clone()),
    };
    read(file, &rules, Batches::new(rows_max, out), report)
}

/// Reads numbers of a do-not-call list; what is wrong with one, the manager says.
///
/// # Errors
/// As [`dids`].
pub fn dnc(
    file: impl Read,
    rows_max: usize,
    report: &Report,
    out: &Sender<Batch>,
) -> Result<(), String> {
    let rules = Rules {
        schema: &dnclist::COLUMNS,
        at: |row| row.line,
        check: |row| Ok(row.clone()),
    };
    read(file, &rules, Batches::new(rows_max, out), report)
}

/// Reads targets, which are checked before they are sent: the manager takes all rows of a request or none.
///
/// # Errors
/// As [`dids`].
pub fn targets(
    file: impl Read,
    rows_max: usize,
    report: &Report,
    out: &Sender<Batch>,
) -> Result<(), String> {
    let rules = Rules {
        schema: &targetrow::COLUMNS,
        at: |row| row.line,
        check: target,
    };
    read(file, &rules, Batches::new(rows_max, out), report)
}

fn target(row: &Fields) -> Result<Fields, String> {
    let columns = Columns::of_objects(&targetrow::COLUMNS, std::slice::from_ref(row));
    let target = targetrow::read(&columns.map_err(said)?, row)?;
    if target.keys().any(|name| name.starts_with("destination_")) {
        Ok(target)
    } else {
        Err("has no destination".to_owned())
    }
}

fn read(
    mut file: impl Read,
    rules: &Rules,
    mut batches: Batches,
    report: &Report,
) -> Result<(), String> {
    let mut reader = Reader::new(rules.schema, None);
    let (mut piece, mut bytes) = (vec![0; PIECE], 0_u64);
    loop {
        let count = file.read(&mut piece).map_err(|fault| fault.to_string())?;
        bytes += u64::try_from(count).unwrap_or_default();
        if count == 0 {
            reader.finish().map_err(said)?;
        } else {
            let read = piece.get(..count).unwrap_or_default();
            reader.push(read).map_err(said)?;
        }
        while let Some(row) = reader.next_row().map_err(said)? {
            if !batches.add(checked(rules, row), bytes, report) {
                return Ok(());
            }
        }
        if count == 0 {
            break;
        }
    }
    report.ignored(reader.ignored());
    batches.finish();
    Ok(())
}

fn said(fault: TableFault) -> String {
    fault.to_string()
}

fn checked(rules: &Rules, row: TableRow) -> Result<Row, (u64, String)> {
    let at = (rules.at)(&row);
    let fields = row.fields.and_then(|fields| (rules.check)(&fields));
    let fields = fields.map_err(|fault| (at, fault))?;
    let body = to_raw_value(&fields).map_err(|fault| (at, fault.to_string()))?;
    Ok(Row {
        at,
        numbers: fields.values().filter_map(number).collect(),
        body,
    })
}

fn number(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Object(address) => address.get("target")?.as_str()?.to_owned(),
        _ => return None,
    };
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    (digits >= PHONE_DIGITS_MIN).then_some(text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    type Take = fn(std::io::Cursor<Vec<u8>>, usize, &Report, &Sender<Batch>) -> Result<(), String>;

    fn batches(read: Take, file: &[u8], rows_max: usize) -> Result<(Vec<Batch>, Report), String> {
        let report = Report::silent();
        let (out, mut taken) = tokio::sync::mpsc::channel(100);
        read(std::io::Cursor::new(file.to_vec()), rows_max, &report, &out)?;
        let mut all = Vec::new();
        while let Ok(batch) = taken.try_recv() {
            all.push(batch);
        }
        Ok((all, report))
    }

    fn rows(batches: &[Batch]) -> Vec<(u64, Value)> {
        let rows = batches.iter().flat_map(|batch| &batch.rows);
        rows.map(|row| (row.at, serde_json::from_str(row.body.get()).unwrap()))
            .collect()
    }

    #[test]
    fn targets_are_grouped_and_bad_ones_told_with_their_line() {
        let file = "destination_0,name,Colour\n+14155550100,\"a\nb\",red\nnope,b\n\"x\n,c\n+14155550101,d\n+14155550102,e\n";
        let (batches, report) = batches(targets, file.as_bytes(), 2).unwrap();
        let lines: Vec<Vec<u64>> = batches
            .iter()
            .map(|batch| batch.rows.iter().map(|row| row.at).collect())
            .collect();
        assert_eq!(lines, [vec![2, 7], vec![8]]);
        assert_eq!(batches[1].bytes, u64::try_from(file.len()).unwrap());
        let told: Vec<String> = report
            .told()
            .into_iter()
            .map(|(line, fault)| format!("{line} {fault}"))
            .collect();
        assert_eq!(
            told,
            [
                "4 destination_0 is not a phone number",
                "5 opens a quote that is never closed",
                "6 has no destination"
            ]
        );
        let target =
            json!({"destination_0": {"type": "tel", "target": "+14155550102"}, "name": "e"});
        assert_eq!(rows(&batches)[2].1, target);
    }

    #[test]
    fn numbers_keep_the_names_of_their_columns_and_the_rows_of_a_spreadsheet() {
        let file = "DID,Daily Cap\n\n4155550123,\"4\n0\"\n4155550124,\n";
        let (batches, report) = batches(dids, file.as_bytes(), 1_000).unwrap();
        let expected = [
            (3, json!({"DID": "4155550123", "Daily Cap": "4\n0"})),
            (4, json!({"DID": "4155550124"})),
        ];
        assert_eq!((rows(&batches), report.told()), (expected.to_vec(), vec![]));
    }

    #[test]
    fn large_rows_make_smaller_batches() {
        let row = format!("+14155550100,{}\n", "x".repeat(60_000));
        let file = format!("destination_0,data\n{}", row.repeat(20));
        let (batches, _) = batches(targets, file.as_bytes(), 500).unwrap();
        assert_eq!((batches.len(), rows(&batches).len()), (2, 20));
    }

    #[rstest]
    #[case::empty(dids, b"", "the file is empty")]
    #[case::twice(
        dids,
        b"number,carrier,carrier\n4,a,b\n",
        "the column carrier is there twice"
    )]
    #[case::candidates(dids, b"a,4155550503,2125550504\n", "column 2 and column 3")]
    #[case::workbook(targets, b"PK\x03\x04\0\0", "save it as CSV UTF-8")]
    #[case::targets_twice(targets, b"phone,number\n4155550123,2125550123\n", "phone and number")]
    #[case::no_destination(targets, b"name,detail\nAnn,x\n", "name it destination_0")]
    fn a_file_that_leaves_doubt_is_refused(
        #[case] read: Take,
        #[case] file: &[u8],
        #[case] message: &str,
    ) {
        let fault = batches(read, file, 2).err().unwrap();
        assert!(fault.contains(message), "{fault}");
    }

    #[rstest]
    #[case::dids(dids, b"cid,description\n4155550150,Ren\xe9\n", "description")]
    #[case::targets(targets, b"phone,name\n4155550150,Ren\xe9\n", "name")]
    fn letters_of_windows_are_read(#[case] read: Take, #[case] file: &[u8], #[case] field: &str) {
        let (batches, _) = batches(read, file, 2).unwrap();
        assert_eq!(rows(&batches)[0].1[field], "Ren\u{e9}");
    }

    #[test]
    fn nobody_is_waited_for_who_does_not_take() {
        let (out, taken) = tokio::sync::mpsc::channel(1);
        drop(taken);
        let file = format!("destination_0\n{}", "+14155550100\n".repeat(100));
        targets(file.as_bytes(), 2, &Report::silent(), &out).unwrap();
    }

    #[test]
    fn what_the_manager_says_shows_no_number() {
        let file = b"cid\n4155550123\n";
        let (batches, _) = batches(dids, file, 2).unwrap();
        let row = &batches[0].rows[0];
        assert_eq!(
            row.masked("4155550123 is blocked"),
            "41555***0123 is blocked"
        );
    }
}
