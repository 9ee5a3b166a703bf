//! The rows of a CSV file, while it comes in: each becomes a JSON object.
//!
//! Files of many hands: the delimiter is a comma, semicolon or tab; lines end in any way; a first line without
//! a phone number in it is the header. A row keeps the number under which a spreadsheet shows it.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::splitter::{BadRows, Row};

/// Longest line, in bytes: a quote that is never closed must not swallow the file.
const LINE_MAX: usize = 64 * 1024;
/// What may stand between the cells of a line.
const DELIMITERS: [u8; 3] = [b',', b';', b'\t'];
/// A cell with so many digits may be a phone number: no header has one.
const PHONE_DIGITS_MIN: usize = 7;

/// Cuts a CSV file into rows.
#[derive(Debug, Default)]
pub(super) struct CsvRows {
    place: Place,
    line: Vec<u8>,
    /// A `\n` now belongs to the `\r` before it.
    after_return: bool,
    lines_read: u64,
    shape: Option<Shape>,
}

/// Where in a line the next byte stands: only there quotes and line ends mean something.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Place {
    #[default]
    CellStart,
    Plain,
    Quoted,
    /// After a quote inside quotes: the end, or the first half of a quote that is meant.
    QuoteInQuotes,
}

/// What the first line tells of the others.
#[derive(Debug)]
struct Shape {
    delimiter: u8,
    reader: Reader,
    /// Names of the columns; empty where the file has none.
    names: Vec<String>,
}

impl CsvRows {
    /// As [`super::splitter::Splitter::next_row`].
    pub(super) fn next_row(&mut self, input: &mut &[u8]) -> Result<Option<Row>, BadRows> {
        while let Some((byte, rest)) = input.split_first() {
            *input = rest;
            if self.ends_line(*byte)? {
                let line = std::mem::take(&mut self.line);
                if let Some(row) = self.row(line) {
                    return Ok(Some(row));
                }
            }
        }
        Ok(None)
    }

    /// The last row, when no line end follows it.
    pub(super) fn finish(&mut self) -> Result<Option<Row>, BadRows> {
        if self.place == Place::Quoted {
            return Err(BadRows::QuoteOpen);
        }
        let line = std::mem::take(&mut self.line);
        Ok(if line.is_empty() {
            None
        } else {
            self.row(line)
        })
    }

    /// Takes a byte; true when the line is whole.
    fn ends_line(&mut self, byte: u8) -> Result<bool, BadRows> {
        let follows_return = std::mem::take(&mut self.after_return);
        if byte == b'\n' && follows_return {
            return Ok(false);
        }
        if self.place != Place::Quoted && matches!(byte, b'\r' | b'\n') {
            self.after_return = byte == b'\r';
            self.place = Place::CellStart;
            return Ok(true);
        }
        if self.line.len() >= LINE_MAX {
            return Err(BadRows::LineTooLong);
        }
        self.line.push(byte);
        self.place = match (self.place, byte) {
            (Place::CellStart | Place::QuoteInQuotes, b'"') => Place::Quoted,
            (Place::Quoted, b'"') => Place::QuoteInQuotes,
            (Place::Quoted, _) => Place::Quoted,
            (_, byte) if self.delimits(byte) => Place::CellStart,
            _ => Place::Plain,
        };
        Ok(false)
    }

    fn delimits(&self, byte: u8) -> bool {
        match &self.shape {
            Some(shape) => shape.delimiter == byte,
            None => DELIMITERS.contains(&byte),
        }
    }

    /// The row of a line; nothing of a header or an empty line.
    fn row(&mut self, line: Vec<u8>) -> Option<Row> {
        self.lines_read += 1;
        let number = self.lines_read;
        if line.trim_ascii().is_empty() {
            return None;
        }
        let is_first = self.shape.is_none();
        let shape = self.shape.get_or_insert_with(|| Shape::of(&line));
        let cells = shape.cells(line);
        if is_first && !cells.iter().any(|cell| may_be_phone(cell)) {
            shape.names = cells.iter().map(|name| name.trim().to_owned()).collect();
            return None;
        }
        if cells.iter().all(|cell| cell.trim().is_empty()) {
            return None;
        }
        Some(Row {
            number,
            text: object(&shape.names, &cells),
        })
    }
}

fn may_be_phone(cell: &str) -> bool {
    cell.bytes().filter(u8::is_ascii_digit).count() >= PHONE_DIGITS_MIN
}

/// The one that stands most often in the line outside quotes; a comma where none does.
fn likely_delimiter(line: &[u8]) -> u8 {
    let mut counts = DELIMITERS.map(|delimiter| (0_usize, delimiter));
    let mut is_quoted = false;
    for byte in line {
        is_quoted ^= *byte == b'"';
        for (count, delimiter) in &mut counts {
            *count += usize::from(!is_quoted && byte == delimiter);
        }
    }
    let mut likely = (0, b',');
    for count in counts {
        if count.0 > likely.0 {
            likely = count;
        }
    }
    likely.1
}

impl Shape {
    /// Without names yet.
    fn of(line: &[u8]) -> Self {
        let delimiter = likely_delimiter(line);
        Self {
            delimiter,
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            names: Vec::new(),
        }
    }

    /// The cells of one whole line. What is no UTF-8 is replaced: it is in no number.
    fn cells(&mut self, mut line: Vec<u8>) -> Vec<String> {
        line.push(b'\n');
        let cells_max = line.iter().filter(|byte| **byte == self.delimiter).count() + 1;
        let (mut text, mut ends) = (vec![0; line.len()], vec![0; cells_max]);
        self.reader.reset();
        let (result, _, written, mut count) = self.reader.read_record(&line, &mut text, &mut ends);
        // A quote opened after all: in the first line that depends on the delimiter, not known before.
        if !matches!(result, ReadRecordResult::Record) {
            let text = text.get_mut(written..).unwrap_or_default();
            let ends = ends.get_mut(count..).unwrap_or_default();
            count += self.reader.read_record(&[], text, ends).3;
        }
        let mut start = 0;
        let cut = ends.iter().take(count).map(|end| {
            let cell = text.get(start..*end).unwrap_or_default();
            start = *end;
            String::from_utf8_lossy(cell).into_owned()
        });
        cut.collect()
    }
}

/// Cells under the names of their columns, in their order; a cell without a name is under its position.
fn object(names: &[String], cells: &[String]) -> Vec<u8> {
    let mut text = vec![b'{'];
    for (position, cell) in cells.iter().enumerate() {
        if position > 0 {
            text.push(b',');
        }
        let name = names.get(position).filter(|name| !name.is_empty());
        let name = name.map_or_else(|| position.to_string(), Clone::clone);
        // A string always has a JSON form, and a vector takes it.
        let _ = serde_json::to_writer(&mut text, &name);
        text.push(b':');
        let _ = serde_json::to_writer(&mut text, cell);
    }
    text.push(b'}');
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn read(file: &[u8], chunk: usize) -> Result<Vec<(u64, Value)>, BadRows> {
        let (mut csv, mut rows) = (CsvRows::default(), Vec::new());
        for mut chunk in file.chunks(chunk.max(1)) {
            while let Some(row) = csv.next_row(&mut chunk)? {
                rows.push(row);
            }
        }
        rows.extend(csv.finish()?);
        let parse = |row: &Row| (row.number, serde_json::from_slice(&row.text).unwrap());
        Ok(rows.iter().map(parse).collect())
    }

    fn all_ways(file: &[u8]) -> Vec<(u64, Value)> {
        let whole = read(file, usize::MAX).unwrap();
        for chunk in 1..6 {
            assert_eq!(read(file, chunk).unwrap(), whole, "in chunks of {chunk}");
        }
        whole
    }

    #[rstest]
    #[case::header("cid\n4155550123\n", vec![(2, json!({"cid": "4155550123"}))])]
    #[case::none("4155550123\n4155550124", vec![(1, json!({"0": "4155550123"})), (2, json!({"0": "4155550124"}))])]
    #[case::windows("cid,state\r\n4155550123,CA\r\n", vec![(2, json!({"cid": "4155550123", "state": "CA"}))])]
    #[case::old_mac("cid\r4155550123\r4155550124", vec![(2, json!({"cid": "4155550123"})), (3, json!({"cid": "4155550124"}))])]
    #[case::semicolon("cid;note\n4155550123;a,b\n", vec![(2, json!({"cid": "4155550123", "note": "a,b"}))])]
    #[case::tab("cid\tnote\n4155550123\ta;b\n", vec![(2, json!({"cid": "4155550123", "note": "a;b"}))])]
    #[case::quoted("cid,\"no,te\"\n\"+1 415 555 0123\",\"a, \"\"b\"\"\"\n", vec![(2, json!({"cid": "+1 415 555 0123", "no,te": "a, \"b\""}))])]
    #[case::quoted_line_end("cid,note\n4155550123,\"a\r\nb\"\n4155550124,c\n", vec![(2, json!({"cid": "4155550123", "note": "a\r\nb"})), (3, json!({"cid": "4155550124", "note": "c"}))])]
    #[case::empty_lines("\n\ncid\n\r\n4155550123\n  \n,,\n4155550124\n", vec![(5, json!({"cid": "4155550123"})), (8, json!({"cid": "4155550124"}))])]
    #[case::spaces(" cid , state \n 4155550123 ,CA\n", vec![(2, json!({"cid": " 4155550123 ", "state": "CA"}))])]
    #[case::short_and_long("cid,,x\n4155550123\n4155550124,1,2,3\n", vec![(2, json!({"cid": "4155550123"})), (3, json!({"cid": "4155550124", "1": "1", "x": "2", "3": "3"}))])]
    #[case::stray_quote("cid,note\n4155550123,5\" pipe\n4155550124,\n", vec![(2, json!({"cid": "4155550123", "note": "5\" pipe"})), (3, json!({"cid": "4155550124", "note": ""}))])]
    #[case::other_delimiter_before_a_quote("cid,a\n4155550123,x;\"y\n4155550124,z\n", vec![(2, json!({"cid": "4155550123", "a": "x;\"y"})), (3, json!({"cid": "4155550124", "a": "z"}))])]
    #[case::only_a_header("phoneNumber\n", vec![])]
    #[case::nothing("", vec![])]
    fn a_file_of_another_hand(#[case] file: &str, #[case] expected: Vec<(u64, Value)>) {
        assert_eq!(all_ways(file.as_bytes()), expected);
    }

    #[test]
    fn what_is_no_utf_8_spoils_no_number() {
        let rows = all_ways(b"cid,name\n4155550123,Ren\xe9\n");
        assert_eq!(
            rows,
            [(2, json!({"cid": "4155550123", "name": "Ren\u{fffd}"}))]
        );
    }

    #[test]
    fn columns_keep_their_order() {
        let (mut csv, mut input) = (CsvRows::default(), &b"z,a\n4155550123,1\n"[..]);
        let row = csv.next_row(&mut input).unwrap().unwrap();
        assert_eq!(row.text, br#"{"z":"4155550123","a":"1"}"#);
    }

    #[rstest]
    #[case("cid\n\"4155550123\n4155550124\n".to_owned(), BadRows::QuoteOpen)]
    #[case(format!("cid\n\"{}", "x\n".repeat(LINE_MAX)), BadRows::LineTooLong)]
    #[case("4".repeat(LINE_MAX + 1), BadRows::LineTooLong)]
    fn a_file_that_cannot_be_read_is_refused(#[case] file: String, #[case] bad: BadRows) {
        assert_eq!(read(file.as_bytes(), 1_000), Err(bad));
    }

    /// Cells as spreadsheets write them: quoted where they must be.
    fn written(rows: &[Vec<String>], delimiter: char, end: &str) -> String {
        let cell = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let line = |row: &Vec<String>| {
            let cells: Vec<_> = row.iter().map(cell).collect();
            cells.join(&delimiter.to_string()) + end
        };
        rows.iter().map(line).collect()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_however_it_is_chunked(
            rows in prop::collection::vec(prop::collection::vec("[a-z\",;\t\n\r é]{0,6}", 2), 1..12),
            delimiter in prop::sample::select(vec![',', ';', '\t']),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            chunk in 1..40_usize,
        ) {
            let names = vec![vec!["first".to_owned(), "second".to_owned()]];
            let file = written(&[names, rows.clone()].concat(), delimiter, end);
            let expected: Vec<_> = (2_u64..)
                .zip(&rows)
                .filter(|(_, row)| row.iter().any(|cell| !cell.trim().is_empty()))
                .map(|(number, row)| (number, json!({ "first": row[0], "second": row[1] })))
                .collect();
            prop_assert_eq!(read(file.as_bytes(), chunk).unwrap(), expected);
        }

        #[test]
        fn any_bytes_are_read_without_harm(
            file in prop::collection::vec(prop::sample::select(b"\",;\t\n\r 1a\xff".to_vec()), 0..60),
            chunk in 1..9_usize,
        ) {
            let whole = read(&file, usize::MAX);
            prop_assert_eq!(read(&file, chunk), whole.clone());
            if let Ok(rows) = whole {
                prop_assert!(rows.windows(2).all(|two| two[0].0 < two[1].0));
            }
        }
    }
}
