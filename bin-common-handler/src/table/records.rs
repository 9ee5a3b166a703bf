//! Cuts CSV into records and a record into cells.
//!
//! Where a record ends is found here, because one forgotten quote must cost one row, not the rest of the file and all
//! memory; the cells are the CSV library's.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

/// The longest record, in bytes; also how far a quote may stay open.
pub(super) const RECORD_MAX: usize = 64 * 1024;
/// Cells of a record at most.
const CELLS_MAX: usize = 256;

/// One record that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    /// The row under which a spreadsheet shows it, from 1: one that goes on in further lines is one row.
    pub row: u64,
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Its cells, or why it has none.
    pub cells: Result<Vec<String>, &'static str>,
}

/// Cuts text that comes in pieces.
pub(super) struct Records {
    delimiter: u8,
    reader: Reader,
    text: Vec<u8>,
    /// Where the next record begins.
    start: usize,
    /// How far it was looked at, and what stands there.
    at: usize,
    place: Place,
    /// The end of its first line.
    first_end: Option<usize>,
    rows: u64,
    lines: u64,
    /// The rest of a line that is too long is passed over.
    skips: bool,
    is_last: bool,
}

/// A quote means something only at a cell's beginning or inside a quoted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Begin,
    Plain,
    Quoted,
    /// After a quote inside quotes: the end, or the first half of a quote that is meant.
    Closing,
}

enum End {
    /// A record, to here; the next begins there.
    Record(usize, usize),
    Fault(&'static str, usize),
    NotYet,
}

impl Records {
    pub(super) fn new(delimiter: u8) -> Self {
        Self {
            delimiter,
            reader: ReaderBuilder::new()
                .delimiter(delimiter)
                .terminator(Terminator::Any(b'\n'))
                .build(),
            text: Vec::new(),
            start: 0,
            at: 0,
            place: Place::Begin,
            first_end: None,
            rows: 0,
            lines: 0,
            skips: false,
            is_last: false,
        }
    }

    /// Adds text behind what is there.
    pub(super) fn push(&mut self, text: &str) {
        if self.start > 0 {
            self.text.drain(..self.start);
            self.at -= self.start;
            self.first_end = self.first_end.map(|end| end.saturating_sub(self.start));
            self.start = 0;
        }
        self.text.extend_from_slice(text.as_bytes());
    }

    /// Says that nothing follows.
    pub(super) fn finish(&mut self) {
        self.is_last = true;
    }

    /// The next record that has text; nothing until more text comes.
    pub(super) fn next(&mut self) -> Option<Record> {
        loop {
            if self.skips && !self.skip() {
                return None;
            }
            let end = self.find_end();
            let (row, line) = (self.rows + 1, self.lines + 1);
            let cells = match end {
                End::NotYet => return None,
                End::Record(end, next) => {
                    let text = self.text.get(self.start..end).unwrap_or_default().to_vec();
                    self.go_on(next);
                    if text.trim_ascii().is_empty() {
                        continue;
                    }
                    self.cells(text)
                }
                End::Fault(fault, next) => {
                    self.go_on(next);
                    Err(fault)
                }
            };
            return Some(Record { row, line, cells });
        }
    }

    fn go_on(&mut self, next: usize) {
        let taken = self.text.get(self.start..next).unwrap_or_default();
        let mut lines = 0;
        for (at, byte) in taken.iter().enumerate() {
            let follows = *byte == b'\n' && at > 0 && taken.get(at - 1) == Some(&b'\r');
            lines += u64::from(matches!(byte, b'\r' | b'\n') && !follows);
        }
        self.lines += lines;
        self.rows += 1;
        (self.start, self.at) = (next, next);
        (self.place, self.first_end) = (Place::Begin, None);
    }

    fn find_end(&mut self) -> End {
        while let Some(byte) = self.text.get(self.at).copied() {
            let is_line_end = matches!(byte, b'\r' | b'\n');
            // A \n may belong to the \r; until it is here, nobody knows.
            let next = match (byte, self.text.get(self.at + 1)) {
                (b'\r', Some(b'\n')) => self.at + 2,
                (b'\r', None) if !self.is_last => return End::NotYet,
                _ => self.at + 1,
            };
            if is_line_end && self.place != Place::Quoted {
                return End::Record(self.at, next);
            }
            if self.at - self.start >= RECORD_MAX {
                return self.too_long();
            }
            if is_line_end {
                self.first_end.get_or_insert(next);
            }
            self.place = match (self.place, byte) {
                (Place::Begin | Place::Closing, b'"') => Place::Quoted,
                (Place::Quoted, b'"') => Place::Closing,
                (Place::Quoted, _) => Place::Quoted,
                (_, byte) if byte == self.delimiter => Place::Begin,
                _ => Place::Plain,
            };
            self.at = next;
        }
        if !self.is_last || self.at == self.start {
            End::NotYet
        } else if self.place == Place::Quoted {
            self.open_quote(self.at)
        } else {
            End::Record(self.at, self.at)
        }
    }

    /// A quote that stays open costs the line on which it stands.
    fn open_quote(&self, end: usize) -> End {
        let next = self.first_end.unwrap_or(end);
        End::Fault("opens a quote that is never closed", next)
    }

    fn too_long(&mut self) -> End {
        if self.first_end.is_some() {
            return self.open_quote(self.at);
        }
        self.skips = true;
        End::Fault("is too long: a row has at most 64 KiB", self.at)
    }

    /// Passes over the rest of a line; false when its end is not there yet.
    fn skip(&mut self) -> bool {
        let rest = self.text.get(self.start..).unwrap_or_default();
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let Some(end) = end else {
            self.start = self.text.len();
            self.at = self.start;
            return false;
        };
        let at = self.start + end;
        let is_pair = self.text.get(at..at + 2) == Some(b"\r\n");
        if !is_pair
            && self.text.get(at) == Some(&b'\r')
            && at + 1 == self.text.len()
            && !self.is_last
        {
            (self.start, self.at) = (at, at);
            return false;
        }
        self.start = at + if is_pair { 2 } else { 1 };
        self.at = self.start;
        self.lines += 1;
        self.skips = false;
        true
    }

    fn cells(&mut self, mut record: Vec<u8>) -> Result<Vec<String>, &'static str> {
        record.push(b'\n');
        let (mut text, mut ends) = (vec![0; record.len()], vec![0; CELLS_MAX]);
        self.reader.reset();
        let (result, _, _, count) = self.reader.read_record(&record, &mut text, &mut ends);
        match result {
            ReadRecordResult::Record => {}
            ReadRecordResult::OutputEndsFull => return Err("has more than 256 cells"),
            _ => return Err("is malformed"),
        }
        let mut begin = 0;
        let cells = ends.iter().take(count).map(|end| {
            let cell = text.get(begin..*end).unwrap_or_default();
            begin = *end;
            String::from_utf8(cell.to_vec()).map_err(|_| "is malformed")
        });
        cells.collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn read(file: &str, piece: usize) -> Vec<Record> {
        let (mut records, mut all) = (Records::new(b','), Vec::new());
        let chars: Vec<char> = file.chars().collect();
        for piece in chars.chunks(piece.max(1)) {
            records.push(&piece.iter().collect::<String>());
            all.extend(std::iter::from_fn(|| records.next()));
        }
        records.finish();
        all.extend(std::iter::from_fn(|| records.next()));
        all
    }

    fn all_ways(file: &str) -> Vec<Record> {
        let whole = read(file, usize::MAX);
        for piece in 1..6 {
            assert_eq!(read(file, piece), whole, "in pieces of {piece}");
        }
        whole
    }

    #[rstest]
    #[case::plain("a,b\n1,2\n", "1:a|b 2:1|2")]
    #[case::windows("a,b\r\n1,2\r\n", "1:a|b 2:1|2")]
    #[case::old_mac("a,b\r1,2\r3,4", "1:a|b 2:1|2 3:3|4")]
    #[case::no_last_line_feed("a,b\n1,2", "1:a|b 2:1|2")]
    #[case::quoted_commas("\"x,y\",\"say\"\"hi\"\"\"\n", "1:x,y|say\"hi\"")]
    #[case::quoted_lines("\"x\r\ny\",2\n3,4\n", "1:x\r\ny|2 2:3|4")]
    #[case::empty_lines("a,b\n\n\r\n1,2\n", "1:a|b 4:1|2")]
    #[case::a_quote_inside_a_cell("5\",2\n6\",3\n", "1:5\"|2 2:6\"|3")]
    #[case::empty_cells(",\n", "1:|")]
    #[case::nothing("", "")]
    #[case::only_ends("\r\r\n\n", "")]
    fn records_are_read_with_their_rows(#[case] file: &str, #[case] wanted: &str) {
        let shown: Vec<String> = all_ways(file)
            .into_iter()
            .map(|record| format!("{}:{}", record.row, record.cells.unwrap().join("|")))
            .collect();
        assert_eq!(shown.join(" "), wanted);
    }

    fn places(file: &str, piece: usize) -> Vec<(u64, u64, bool)> {
        read(file, piece)
            .iter()
            .map(|record| (record.row, record.line, record.cells.is_ok()))
            .collect()
    }

    #[test]
    fn a_forgotten_quote_costs_one_row() {
        let file = "a,\"x\ny\"\n\"1,2\n3,4\n5,6\n";
        let expected = [(1, 1, true), (2, 3, false), (3, 4, true), (4, 5, true)];
        for piece in [1, 4, 1_000] {
            assert_eq!(places(file, piece), expected);
        }
    }

    #[test]
    fn a_quote_that_stays_open_for_64_kib_costs_one_row() {
        let file = format!("a\n\"b\n{}c\n", "x\n".repeat(RECORD_MAX));
        let rows = read(&file, 1_000);
        let bad: Vec<_> = rows.iter().filter(|row| row.cells.is_err()).collect();
        assert_eq!((rows.len(), bad.len(), bad[0].row), (RECORD_MAX + 3, 1, 2));
    }

    #[rstest]
    #[case("\n")]
    #[case("\r\n")]
    fn a_line_without_end_costs_itself_and_no_memory(#[case] end: &str) {
        let file = format!("a,b{end}{}{end}1,2{end}", "x".repeat(3 * RECORD_MAX));
        for piece in [999, 10_000_000] {
            let expected = [(1, 1, true), (2, 2, false), (3, 3, true)];
            assert_eq!(places(&file, piece), expected);
        }
    }

    #[test]
    fn more_cells_than_a_table_has_are_told() {
        assert_eq!(
            read(&",".repeat(300), 7)[0].cells,
            Err("has more than 256 cells")
        );
    }

    /// Cells as spreadsheets write them: quoted where they must be.
    fn written(rows: &[Vec<String>], end: &str) -> String {
        let cell = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
        let line = |row: &Vec<String>| {
            let cells: Vec<_> = row.iter().map(cell).collect();
            cells.join(",") + end
        };
        rows.iter().map(line).collect()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_however_it_is_cut(
            rows in prop::collection::vec(prop::collection::vec("[a-z\",;\t\n\r é]{0,6}", 2), 1..12),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            piece in 1..40_usize,
        ) {
            let read = read(&written(&rows, end), piece);
            let cells: Vec<_> = read.into_iter().map(|record| record.cells.unwrap()).collect();
            prop_assert_eq!(cells, rows);
        }

        #[test]
        fn any_text_is_read_without_harm(file in "[\",;\t\n\r 1aé]{0,60}", piece in 1..9_usize) {
            let whole = read(&file, usize::MAX);
            prop_assert_eq!(read(&file, piece), whole.clone());
            prop_assert!(whole.windows(2).all(|two| two[0].row < two[1].row));
        }
    }
}
