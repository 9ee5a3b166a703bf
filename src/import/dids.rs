//! A row of the file becomes a caller-ID number, or rather what the manager makes one of: it knows the many
//! names of the columns, so every cell is passed on under its own.

use std::io::{BufRead, Read};

use bin_common_handler::models::bad_json;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use tokio::sync::mpsc::Sender;

use super::{
    batch::{Batch, Batches, Row},
    csv::{self, Layout},
    lines::{RECORD_MAX, Record},
    report::Report,
};

/// A text with so many digits may be a phone number: no header has one.
const PHONE_DIGITS_MIN: usize = 7;
/// A JSON file is read whole.
const JSON_MAX: u64 = 64 * 1024 * 1024;

/// Reads a CSV or JSON file into batches.
///
/// # Errors
/// When it cannot be read, or is neither.
pub fn read(
    mut file: impl BufRead,
    rows_max: usize,
    report: &Report,
    out: &Sender<Batch>,
) -> Result<(), String> {
    let head = file.fill_buf().map_err(|fault| fault.to_string())?;
    if head.contains(&0) {
        // A spreadsheet's own format, or text of two bytes a character.
        return Err("this is neither CSV nor JSON in UTF-8; save it as \"CSV UTF-8\"".to_owned());
    }
    let text = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    match text.trim_ascii_start().first() {
        Some(b'[' | b'{') => read_json(file, rows_max, report, out),
        _ => csv::read::<Columns>(file, rows_max, report, out),
    }
}

/// The names of the columns; none where the file has no header.
#[derive(Debug)]
struct Columns(Vec<String>);

impl Layout for Columns {
    const DELIMITERS: &'static [u8] = b",;\t";
    const EMPTY: &'static str = "the file is empty";

    fn of(first: &[String], _: &Report) -> Result<(Self, bool), String> {
        if first.iter().any(|cell| may_be_phone(cell)) {
            return Ok((Self(Vec::new()), true));
        }
        let names: Vec<_> = first.iter().map(|cell| cell.trim().to_owned()).collect();
        for (position, name) in names.iter().enumerate() {
            if !name.is_empty() && names.iter().take(position).any(|other| other == name) {
                return Err(format!("the column {name} is there twice"));
            }
        }
        Ok((Self(names), false))
    }

    fn at(record: &Record) -> u64 {
        record.row
    }

    fn row(&self, at: u64, cells: &[String]) -> Result<Row, String> {
        let beyond = cells.iter().skip(self.0.len());
        if !self.0.is_empty() && beyond.into_iter().any(|cell| !cell.trim().is_empty()) {
            let (cells, names) = (cells.len(), self.0.len());
            return Err(format!("has {cells} cells, but the first row has {names}"));
        }
        let named = cells
            .iter()
            .enumerate()
            .filter(|(_, cell)| !cell.trim().is_empty());
        let fields = named.map(|(position, cell)| {
            let name = self.0.get(position).filter(|name| !name.is_empty());
            let name = name.map_or_else(|| position.to_string(), Clone::clone);
            (name, Value::from(cell.as_str()))
        });
        row(at, &Value::Object(fields.collect()))
    }
}

fn may_be_phone(text: &str) -> bool {
    text.bytes().filter(u8::is_ascii_digit).count() >= PHONE_DIGITS_MIN
}

fn row(at: u64, fields: &Value) -> Result<Row, String> {
    let texts = fields.as_object().into_iter().flatten();
    let texts = texts.filter_map(|(_, value)| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    Ok(Row {
        at,
        numbers: texts.filter(|text| may_be_phone(text)).collect(),
        body: to_raw_value(fields).map_err(|fault| fault.to_string())?,
    })
}

fn read_json(
    file: impl Read,
    rows_max: usize,
    report: &Report,
    out: &Sender<Batch>,
) -> Result<(), String> {
    let mut text = String::new();
    let read = file.take(JSON_MAX + 1).read_to_string(&mut text);
    if read.map_err(|fault| fault.to_string())? as u64 > JSON_MAX {
        return Err("a JSON file has at most 64 MiB; write more numbers as CSV".to_owned());
    }
    let mut batches = Batches::new(rows_max, out);
    for (element, at) in elements(&text)?.into_iter().zip(1..) {
        let end = element.as_ptr() as usize + element.len() - text.as_ptr() as usize;
        let row = element_row(at, element).map_err(|fault| (at, fault));
        if !batches.add(row, end as u64, report) {
            return Ok(());
        }
    }
    batches.finish();
    Ok(())
}

/// The elements of an array, or of the first array in an object.
fn elements(text: &str) -> Result<Vec<&str>, String> {
    let not_json = |fault: serde_json::Error| {
        bad_json::sentence(&fault, "").replacen("it is", "the file is", 1)
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let array = if text.starts_with('{') {
        let fields: std::collections::BTreeMap<String, &RawValue> =
            serde_json::from_str(text).map_err(not_json)?;
        let arrays = fields.into_values().map(RawValue::get);
        let mut arrays = arrays.filter(|value| value.starts_with('['));
        arrays.next().ok_or("the file holds no array of numbers")?
    } else {
        text
    };
    let elements: Vec<&RawValue> = serde_json::from_str(array).map_err(not_json)?;
    Ok(elements.into_iter().map(RawValue::get).collect())
}

/// An object as it is; a bare number as the only cell of its row.
fn element_row(at: u64, element: &str) -> Result<Row, String> {
    if element.len() > RECORD_MAX {
        return Err("is too long: a row has at most 64 KiB".to_owned());
    }
    let value: Value = bad_json::from_str(element).map_err(|bad| bad.to_string())?;
    match value {
        Value::Object(_) => row(at, &value),
        Value::String(_) | Value::Number(_) => row(at, &serde_json::json!({ "0": value })),
        _ => Err("must be an object, or a number alone".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    type At<T> = Vec<(u64, T)>;

    /// The rows as sent, and what is said of the others.
    fn rows(file: &str) -> Result<(At<Value>, At<String>), String> {
        let report = Report::silent();
        let (out, mut taken) = tokio::sync::mpsc::channel(100);
        read(file.as_bytes(), 2, &report, &out)?;
        let mut rows = Vec::new();
        while let Ok(batch) = taken.try_recv() {
            assert!(batch.bytes <= file.len() as u64);
            let sent = batch.rows.iter();
            rows.extend(sent.map(|row| (row.at, serde_json::from_str(row.body.get()).unwrap())));
        }
        Ok((rows, report.told()))
    }

    #[rstest]
    #[case::one_column("cid\n4155550123\n4155550124\n",
        &[(2, json!({"cid": "4155550123"})), (3, json!({"cid": "4155550124"}))])]
    #[case::no_header("4155550123,x\n4155550124\n",
        &[(1, json!({"0": "4155550123", "1": "x"})), (2, json!({"0": "4155550124"}))])]
    #[case::bom_crlf_and_quotes("\u{feff}number,description\r\n4155550123,\"a, \"\"b\"\"\"\r\n",
        &[(2, json!({"number": "4155550123", "description": "a, \"b\""}))])]
    #[case::semicolons("number;tags;\n4155550123;a,b;\n", &[(2, json!({"number": "4155550123", "tags": "a,b"}))])]
    #[case::tabs("number\tcity\n4155550123\tSan Jose\n", &[(2, json!({"number": "4155550123", "city": "San Jose"}))])]
    #[case::rows_of_a_spreadsheet("number,note\n\n4155550123,\"two\nlines\"\n4155550124,x\n",
        &[(3, json!({"number": "4155550123", "note": "two\nlines"})), (4, json!({"number": "4155550124", "note": "x"}))])]
    #[case::unnamed_columns("number,\n4155550123,x\n", &[(2, json!({"number": "4155550123", "1": "x"}))])]
    #[case::blank_cells("number,city\n,\n", &[(2, json!({}))])]
    #[case::an_array(" [{\"cid\": 4155550123, \"tags\": [\"a\"]}, \"4155550124\", 4155550125]",
        &[(1, json!({"cid": 4_155_550_123_u64, "tags": ["a"]})), (2, json!({"0": "4155550124"})),
          (3, json!({"0": 4_155_550_125_u64}))])]
    #[case::an_array_in_an_object("\u{feff}{\"count\": 1, \"dids\": [{\"cid\": \"1\"}]}", &[(1, json!({"cid": "1"}))])]
    #[case::nothing("[]", &[])]
    fn every_kind_of_file_is_read(#[case] file: &str, #[case] expected: &[(u64, Value)]) {
        let (rows, bad) = rows(file).unwrap();
        assert_eq!(rows, expected);
        assert_eq!(bad, []);
    }

    #[test]
    fn bad_rows_are_told_and_the_rest_is_read() {
        let (csv, bad) = rows("cid\n4155550123,x\n\"4155550124\n4155550125\n").unwrap();
        assert_eq!(csv, [(4, json!({"cid": "4155550125"}))]);
        let said: Vec<_> = bad
            .iter()
            .map(|(row, said)| format!("{row} {said}"))
            .collect();
        assert_eq!(
            said,
            [
                "2 has 2 cells, but the first row has 1",
                "3 opens a quote that is never closed"
            ]
        );
        let (sent, bad) = rows("[null, {\"cid\": \"1\"}, [2]]").unwrap();
        assert_eq!(sent, [(2, json!({"cid": "1"}))]);
        let at: Vec<_> = bad.iter().map(|(row, _)| *row).collect();
        assert_eq!(at, [1, 3]);
    }

    #[rstest]
    #[case("", "the file is empty")]
    #[case("cid,x,cid\n", "the column cid is there twice")]
    #[case("PK\u{3}\u{4}\0\0", "save it as \"CSV UTF-8\"")]
    #[case("[1", "the file is not JSON")]
    #[case("{\"a\": 1}", "no array")]
    fn what_is_no_list_of_numbers_says_so(#[case] file: &str, #[case] message: &str) {
        let fault = rows(file).unwrap_err();
        assert!(fault.contains(message), "{fault}");
    }

    #[test]
    fn what_the_manager_says_shows_no_number() {
        let fields = json!({"cid": "4155550123", "other": 2_125_550_123_u64, "city": "X"});
        let row = row(2, &fields).unwrap();
        assert_eq!(
            row.masked("4155550123 is not 2125550123"),
            "41555***0123 is not 21255***0123"
        );
    }
}
