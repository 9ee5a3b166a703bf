//! Cuts a CSV file into records and a record into cells.
//!
//! The cutting is ours, because one forgotten quote must cost one row, not the rest of the file and all
//! memory; the cells are the CSV library's.

use std::{
    collections::VecDeque,
    io::{self, BufRead, Read},
};

use csv_core::{ReadRecordResult, Reader, ReaderBuilder, Terminator};

/// The longest record, in bytes; also how far a quote may stay open.
pub const RECORD_MAX: usize = 64 * 1024;
/// Cells of a record at most.
const CELLS_MAX: usize = 256;
/// Blank lines that are looked through for the first with text.
const BLANK_LINES_MAX: usize = 100;

/// One record of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Record {
    /// The line on which it begins; the file's first is 1.
    pub line: u64,
    /// Which row it is where a spreadsheet shows the file: one that goes on in further lines is one row.
    pub row: u64,
    /// Its text, ended by a line feed, or why it is none.
    pub text: Result<Vec<u8>, &'static str>,
}

/// The records of a file.
pub struct Records<R> {
    input: R,
    line: u64,
    row: u64,
    bytes: u64,
    delimiter: u8,
    put_back: VecDeque<(u64, Vec<u8>)>,
}

impl<R: BufRead> Records<R> {
    pub fn new(input: R) -> Self {
        Self {
            input,
            line: 0,
            row: 0,
            bytes: 0,
            delimiter: b',',
            put_back: VecDeque::new(),
        }
    }

    /// How much of the file has been read.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Of `candidates` the one that stands most often in the first line with text, outside quotes; the first
    /// of them where none does. From then on it is what stands between cells.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn delimiter(&mut self, candidates: &[u8]) -> io::Result<u8> {
        let mut seen = Vec::new();
        while let Some(line) = self.next_line()? {
            let is_blank = line.1.trim_ascii().is_empty();
            seen.push(line);
            if !is_blank || seen.len() >= BLANK_LINES_MAX {
                break;
            }
        }
        if let Some((_, line)) = seen.last() {
            self.delimiter = most_often(line, candidates).unwrap_or(self.delimiter);
        }
        self.put_back = seen.into();
        Ok(self.delimiter)
    }

    /// The next record that is not empty.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            let Some((line, text)) = self.next_line()? else {
                return Ok(None);
            };
            self.row += 1;
            let row = self.row;
            if text.len() > RECORD_MAX {
                let text = Err("is too long: a row has at most 64 KiB");
                return Ok(Some(Record { line, row, text }));
            }
            if !text.trim_ascii().is_empty() {
                let text = self.complete(text)?;
                return Ok(Some(Record { line, row, text }));
            }
        }
    }

    /// Adds the lines that a quoted cell goes on in.
    fn complete(&mut self, mut text: Vec<u8>) -> io::Result<Result<Vec<u8>, &'static str>> {
        let mut cell = Cell::Begin.after(&text, self.delimiter);
        let mut taken = Vec::new();
        while cell == Cell::Quoted {
            match self.next_line()? {
                Some((line, more)) if text.len() + more.len() <= RECORD_MAX => {
                    cell = cell.after(&more, self.delimiter);
                    text.extend_from_slice(&more);
                    taken.push((line, more));
                }
                beyond => {
                    for line in taken.into_iter().chain(beyond).rev() {
                        self.put_back.push_front(line);
                    }
                    return Ok(Err("opens a quote that is never closed"));
                }
            }
        }
        Ok(Ok(text))
    }

    /// One line with its end normalised; of one that is too long only the beginning.
    fn next_line(&mut self) -> io::Result<Option<(u64, Vec<u8>)>> {
        if let Some(line) = self.put_back.pop_front() {
            return Ok(Some(line));
        }
        let mut text = Vec::new();
        let limit = u64::try_from(RECORD_MAX).unwrap_or(u64::MAX) + 1;
        let mut read = self
            .input
            .by_ref()
            .take(limit)
            .read_until(b'\n', &mut text)?;
        if read == 0 {
            return Ok(None);
        }
        if read > RECORD_MAX && !text.ends_with(b"\n") {
            read += skip_line(&mut self.input)?;
        } else {
            end_line(&mut text);
        }
        self.line += 1;
        self.bytes += u64::try_from(read).unwrap_or(u64::MAX);
        if self.line == 1 && text.starts_with(b"\xEF\xBB\xBF") {
            text.drain(..3);
        }
        Ok(Some((self.line, text)))
    }
}

/// CRLF, LF or the end of the file: always LF.
fn end_line(text: &mut Vec<u8>) {
    if text.ends_with(b"\n") {
        text.pop();
    }
    if text.ends_with(b"\r") {
        text.pop();
    }
    text.push(b'\n');
}

fn most_often(line: &[u8], candidates: &[u8]) -> Option<u8> {
    let mut is_quoted = false;
    let plain: Vec<u8> = line
        .iter()
        .copied()
        .filter(|byte| {
            is_quoted ^= *byte == b'"';
            !is_quoted
        })
        .collect();
    let count = |candidate: &u8| plain.iter().filter(|byte| *byte == candidate).count();
    // The last of equals wins; the first candidate is to.
    candidates.iter().rev().copied().max_by_key(count)
}

fn skip_line(input: &mut impl BufRead) -> io::Result<usize> {
    let mut skipped = 0;
    loop {
        let buffer = input.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        input.consume(used);
        skipped += used;
        if end.is_some() || used == 0 {
            return Ok(skipped);
        }
    }
}

/// Where in a cell a text ends: a quote means something only at a cell's beginning or inside a quoted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Begin,
    Plain,
    Quoted,
    /// After a quote inside a quoted cell: the end of the cell, or the first half of a doubled quote.
    Closing,
}

impl Cell {
    fn after(self, text: &[u8], delimiter: u8) -> Self {
        text.iter().fold(self, |cell, byte| match (cell, byte) {
            (Self::Begin | Self::Closing, b'"') => Self::Quoted,
            (Self::Quoted, b'"') => Self::Closing,
            (Self::Quoted, _) => Self::Quoted,
            (_, b'\n') => Self::Begin,
            (_, byte) if *byte == delimiter => Self::Begin,
            _ => Self::Plain,
        })
    }
}

/// Cuts records into cells; kept, because the library's tables are costly to build.
pub struct Cells {
    reader: Reader,
    output: Vec<u8>,
    ends: Vec<usize>,
}

impl Cells {
    /// Of records whose cells are divided by `delimiter`.
    pub fn new(delimiter: u8) -> Self {
        Self {
            reader: ReaderBuilder::new()
                .delimiter(delimiter)
                .terminator(Terminator::Any(b'\n'))
                .build(),
            output: vec![0; RECORD_MAX + 1],
            ends: vec![0; CELLS_MAX],
        }
    }

    /// The cells of a record.
    ///
    /// # Errors
    /// Says why it is malformed.
    pub fn of(&mut self, record: &[u8]) -> Result<Vec<String>, &'static str> {
        self.reader.reset();
        let (result, _, _, count) =
            self.reader
                .read_record(record, &mut self.output, &mut self.ends);
        match result {
            ReadRecordResult::Record => {}
            ReadRecordResult::OutputEndsFull => return Err("has more than 256 cells"),
            _ => return Err("is malformed"),
        }
        let mut begin = 0;
        let cells = self.ends.iter().take(count).map(|end| {
            let cell = self.output.get(begin..*end).unwrap_or_default();
            begin = *end;
            String::from_utf8(cell.to_vec()).map_err(|_| "is not UTF-8")
        });
        cells.collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn read(file: &[u8]) -> Vec<(u64, Result<Vec<String>, &'static str>)> {
        let (mut records, mut cells) = (Records::new(file), Cells::new(b','));
        let mut all = Vec::new();
        while let Some(record) = records.next().unwrap() {
            all.push((record.line, record.text.and_then(|text| cells.of(&text))));
        }
        assert_eq!(records.bytes(), u64::try_from(file.len()).unwrap());
        all
    }

    #[rstest]
    #[case::plain("a,b\n1,2\n", "1:a|b 2:1|2")]
    #[case::bom_and_crlf("\u{feff}a,b\r\n1,2\r\n", "1:a|b 2:1|2")]
    #[case::no_last_line_feed("a,b\n1,2", "1:a|b 2:1|2")]
    #[case::quoted_commas("\"x,y\",\"say\"\"hi\"\"\"\n", "1:x,y|say\"hi\"")]
    #[case::quoted_lines("\"x\r\ny\",2\n3,4\n", "1:x\ny|2 3:3|4")]
    #[case::empty_lines("a,b\n\n\r\n1,2\n", "1:a|b 4:1|2")]
    #[case::a_quote_inside_a_cell("5\",2\n6\",3\n", "1:5\"|2 2:6\"|3")]
    #[case::empty_cells(",\n", "1:|")]
    fn records_are_read_with_their_lines(#[case] file: &str, #[case] wanted: &str) {
        let shown: Vec<String> = read(file.as_bytes())
            .into_iter()
            .map(|(line, cells)| format!("{line}:{}", cells.unwrap().join("|")))
            .collect();
        assert_eq!(shown.join(" "), wanted);
    }

    #[test]
    fn a_forgotten_quote_costs_one_row() {
        let rows = read(b"a,b\n\"1,2\n3,4\n5,6\n");
        let lines: Vec<_> = rows
            .iter()
            .map(|(line, row)| (*line, row.is_ok()))
            .collect();
        assert_eq!(lines, [(1, true), (2, false), (3, true), (4, true)]);
    }

    #[test]
    fn a_line_without_end_costs_itself_and_no_memory() {
        let mut file = b"a,b\n".to_vec();
        file.extend(std::iter::repeat_n(b'x', 3 * RECORD_MAX));
        file.extend_from_slice(b"\n1,2\n");
        let rows = read(&file);
        let lines: Vec<_> = rows
            .iter()
            .map(|(line, row)| (*line, row.is_ok()))
            .collect();
        assert_eq!(lines, [(1, true), (2, false), (3, true)]);
    }

    #[test]
    fn other_encodings_are_refused_by_the_row() {
        assert_eq!(read(b"a,J\xFCrgen\n1,2\n")[0].1, Err("is not UTF-8"));
    }
}
