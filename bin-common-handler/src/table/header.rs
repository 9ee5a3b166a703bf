//! Where a CSV file's header is, and what divides its cells: found by the names that we know.

use super::{
    Columns, Schema, TableFault,
    columns::{Unknown, claim, looks_like_number},
    records::{Record, Records},
};

/// What may stand between cells, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Records among which the header is looked for: above it people put titles and dates.
const TITLES_MAX: usize = 20;
/// So many of our names in one record are a header wherever it stands.
const NAMES_MIN: usize = 2;

/// How a file is read.
pub(super) struct Layout {
    pub columns: Columns,
    /// The names of the columns that become fields, by position.
    pub names: Vec<Option<String>>,
    /// Cells of the header; nothing where there is none.
    pub width: Option<usize>,
    /// Records to pass over: titles and the header.
    pub skip: usize,
}

/// The delimiter that a first line `sep=;` names, and how much of the text that line is.
pub(super) fn declared_delimiter(text: &str) -> Option<(u8, usize)> {
    let line = text.split(['\r', '\n']).next()?;
    let bare = line.trim_matches(['"', ' ']);
    let (word, delimiter) = bare.split_once('=')?;
    if !word.eq_ignore_ascii_case("sep") {
        return None;
    }
    let delimiter = match delimiter.as_bytes() {
        [byte] if byte.is_ascii_punctuation() || *byte == b'\t' => *byte,
        b"\\t" => b'\t',
        _ => return None,
    };
    let rest = text.get(line.len()..)?;
    let end = ["\r\n", "\r", "\n"]
        .iter()
        .find(|end| rest.starts_with(**end));
    Some((delimiter, line.len() + end.map_or(0, |end| end.len())))
}

/// The delimiter under which most names are known, else the one that stands in most lines.
pub(super) fn likely_delimiter(schema: &Schema, head: &str) -> u8 {
    let mut best = ((0, 0, 0), b',');
    for delimiter in DELIMITERS {
        let mut records = Records::new(delimiter);
        records.push(head);
        records.finish();
        let first: Vec<Vec<String>> = std::iter::from_fn(|| records.next())
            .take(TITLES_MAX)
            .filter_map(|record| record.cells.ok())
            .collect();
        let names = first.iter().map(|cells| known(schema, cells)).max();
        let divided = first.iter().filter(|cells| cells.len() > 1).count();
        let cells = first.iter().map(Vec::len).sum::<usize>();
        let score = (names.unwrap_or_default(), divided, cells);
        if score > best.0 {
            best = (score, delimiter);
        }
    }
    best.1
}

fn known(schema: &Schema, cells: &[String]) -> usize {
    let names = cells.iter().filter(|cell| schema.field(cell).is_some());
    names.count()
}

/// The header's position among the records, if there is one.
fn find_header(schema: &Schema, records: &[Record]) -> Option<usize> {
    let mut is_named = None;
    for (position, record) in records.iter().take(TITLES_MAX).enumerate() {
        let Ok(cells) = &record.cells else { continue };
        if cells.iter().any(|cell| looks_like_number(cell)) {
            break;
        }
        let known = known(schema, cells);
        let filled = cells.iter().filter(|cell| !cell.trim().is_empty()).count();
        if known >= NAMES_MIN || (known > 0 && (known == filled || position == 0)) {
            return Some(position);
        }
        // A first line without numbers names the columns, though not as we do.
        is_named = is_named.or(Some(position));
    }
    is_named
}

impl Layout {
    /// Decides by the first records of a file.
    ///
    /// # Errors
    /// When two columns are one field, or nobody knows which are the numbers.
    pub(super) fn of(schema: &'static Schema, records: &[Record]) -> Result<Self, TableFault> {
        let header = find_header(schema, records);
        let skip = header.map_or(0, |position| position + 1);
        let names = header.and_then(|at| records.get(at)?.cells.as_ref().ok());
        let sample = records.get(skip..).unwrap_or_default();
        let cells = |record: &Record| record.cells.as_ref().map_or(0, Vec::len);
        let width = names.map_or_else(|| sample.iter().map(cells).max(), |names| Some(names.len()));
        let name = |position: usize| {
            let name = names.and_then(|names| names.get(position));
            name.map(|name| name.trim()).filter(|name| !name.is_empty())
        };
        let (mut fields, mut unknown, mut known) = (Vec::new(), Vec::new(), Vec::new());
        let mut has_number = false;
        for position in 0..width.unwrap_or_default() {
            let field = name(position).and_then(|name| Some((schema.field(name)?, name)));
            if let Some((field, name)) = field {
                claim(&mut known, field, name)?;
                has_number |= field.is_number;
            } else {
                unknown.push(column(position, name(position), sample));
            }
            fields.push(field.map(|(_, name)| name.to_owned()));
        }
        let main = schema.main_number();
        let (columns, by_content) =
            Columns::decide(schema, has_number, !known.is_empty(), &unknown)?;
        if !has_number && !records.is_empty() {
            match by_content.and_then(|position| fields.get_mut(position)) {
                Some(field) => *field = Some(main.to_owned()),
                None => return Err(no_numbers(main)),
            }
        }
        Ok(Self {
            columns,
            names: fields,
            width: names.map(Vec::len),
            skip,
        })
    }
}

fn no_numbers(main: &str) -> TableFault {
    TableFault::Columns(format!(
        "no column is known to hold the phone numbers; name it {main}"
    ))
}

fn column(position: usize, name: Option<&str>, sample: &[Record]) -> Unknown {
    let cells = sample
        .iter()
        .filter_map(|record| record.cells.as_ref().ok()?.get(position))
        .filter(|cell| !cell.trim().is_empty());
    Unknown {
        label: name.map_or_else(|| format!("column {}", position + 1), str::to_owned),
        position,
        is_named: name.is_some(),
        filled: cells.clone().count(),
        numbers: cells.filter(|cell| looks_like_number(cell)).count(),
    }
}
