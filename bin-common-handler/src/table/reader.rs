//! Reads a table that comes in pieces.

use std::collections::VecDeque;

use serde_json::{Map, Value as Json};

use crate::models::{bad_json, json};

use super::{
    Columns, JsonRows, Schema, TableFault,
    decode::{Decode, HEAD},
    header::{Layout, declared_delimiter, likely_delimiter},
    records::{RECORD_MAX, Record, Records},
};

/// Rows by which the columns are decided.
const SAMPLE: usize = 100;

/// How a table is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Lines of cells.
    Csv,
    /// An array, or an object's first.
    Json,
}

/// One row that is not blank.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// As people count it: the row of a spreadsheet, or the position in an array, both from 1.
    pub number: u64,
    /// The line on which it begins; of JSON its position again.
    pub line: u64,
    /// Its cells by the names of their columns, without those that are blank or ignored; or what is wrong with it.
    pub fields: Result<Map<String, Json>, String>,
}

/// Reads a table.
pub struct Reader {
    schema: &'static Schema,
    kind: Option<Kind>,
    decode: Decode,
    table: Table,
}

enum Table {
    /// Before its first text.
    Unknown,
    Csv(Box<Csv>),
    Json(Box<Objects>),
}

struct Csv {
    schema: &'static Schema,
    records: Records,
    ahead: VecDeque<Record>,
    layout: Option<Layout>,
    is_last: bool,
}

struct Objects {
    schema: &'static Schema,
    rows: JsonRows,
    text: Vec<u8>,
    /// How much of it was cut.
    at: usize,
    count: u64,
    ahead: VecDeque<Row>,
    columns: Option<Columns>,
    is_last: bool,
}

impl Reader {
    /// Reads a table whose columns have the names of `schema`; without a kind, what it looks like.
    pub fn new(schema: &'static Schema, kind: Option<Kind>) -> Self {
        Self {
            schema,
            kind,
            decode: Decode::default(),
            table: Table::Unknown,
        }
    }

    /// Takes the next piece; call [`Self::next_row`] until there is none before the one after it.
    ///
    /// # Errors
    /// When it is no text.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), TableFault> {
        let text = self.decode.push(bytes)?;
        if !text.is_empty() {
            self.take(&text);
        }
        Ok(())
    }

    /// Says that nothing follows.
    ///
    /// # Errors
    /// When the last piece is no text, or there was none at all.
    pub fn finish(&mut self) -> Result<(), TableFault> {
        let text = self.decode.finish()?;
        self.take(&text);
        match &mut self.table {
            Table::Csv(csv) => {
                csv.records.finish();
                csv.is_last = true;
            }
            Table::Json(objects) => objects.is_last = true,
            Table::Unknown => {}
        }
        Ok(())
    }

    /// The next row; nothing until more is pushed.
    ///
    /// # Errors
    /// When the rest cannot be read, or nobody knows what its columns are.
    pub fn next_row(&mut self) -> Result<Option<Row>, TableFault> {
        match &mut self.table {
            Table::Unknown => Ok(None),
            Table::Csv(csv) => csv.next_row(),
            Table::Json(objects) => objects.next_row(),
        }
    }

    /// The names of columns that are ignored.
    pub fn ignored(&self) -> Vec<String> {
        let columns = match &self.table {
            Table::Unknown => None,
            Table::Csv(csv) => csv.layout.as_ref().map(|layout| &layout.columns),
            Table::Json(objects) => objects.columns.as_ref(),
        };
        columns.map(Columns::ignored).unwrap_or_default()
    }

    fn take(&mut self, text: &str) {
        match &mut self.table {
            Table::Csv(csv) => csv.records.push(text),
            Table::Json(objects) => objects.push(text),
            Table::Unknown => {
                let kind = self.kind.unwrap_or_else(|| by_content(text));
                self.table = match kind {
                    Kind::Csv => Table::Csv(Box::new(Csv::of(self.schema, text))),
                    Kind::Json => Table::Json(Box::new(Objects::of(self.schema, text))),
                };
            }
        }
    }
}

fn by_content(text: &str) -> Kind {
    if text.trim_start().starts_with(['[', '{']) {
        Kind::Json
    } else {
        Kind::Csv
    }
}

impl Csv {
    fn of(schema: &'static Schema, text: &str) -> Self {
        let declared = declared_delimiter(text);
        let end = text.floor_char_boundary(HEAD);
        let delimiter = declared.map(|(delimiter, _)| delimiter);
        let head = text.get(..end).unwrap_or_default();
        let delimiter = delimiter.unwrap_or_else(|| likely_delimiter(schema, head));
        let mut records = Records::new(delimiter);
        // A spreadsheet does not show that line, nor count it.
        let begin = declared.map_or(0, |(_, length)| length);
        records.push(text.get(begin..).unwrap_or_default());
        Self {
            schema,
            records,
            ahead: VecDeque::new(),
            layout: None,
            is_last: false,
        }
    }

    fn next_row(&mut self) -> Result<Option<Row>, TableFault> {
        if self.layout.is_none() {
            while self.ahead.len() < SAMPLE
                && let Some(record) = self.records.next()
            {
                self.ahead.push_back(record);
            }
            if self.ahead.len() < SAMPLE && !self.is_last {
                return Ok(None);
            }
            if self.ahead.is_empty() {
                return Err(TableFault::Unreadable("the file is empty".to_owned()));
            }
            let layout = Layout::of(self.schema, self.ahead.make_contiguous())?;
            self.ahead.drain(..layout.skip.min(self.ahead.len()));
            self.layout = Some(layout);
        }
        let Some(layout) = &self.layout else {
            return Ok(None);
        };
        while let Some(record) = self.ahead.pop_front().or_else(|| self.records.next()) {
            if let Some(row) = layout.row(record) {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }
}

impl Layout {
    /// The row of a record that is not blank.
    fn row(&self, record: Record) -> Option<Row> {
        let fields = match record.cells {
            Ok(cells) if cells.iter().all(|cell| cell.trim().is_empty()) => return None,
            Ok(cells) => self.fields(cells),
            Err(fault) => Err(fault.to_owned()),
        };
        Some(Row {
            number: record.row,
            line: record.line,
            fields,
        })
    }

    /// A cell beyond the header is probably half of one that has the delimiter in it.
    fn fields(&self, cells: Vec<String>) -> Result<Map<String, Json>, String> {
        let width = self.width.unwrap_or(cells.len());
        let filled = cells.iter().rposition(|cell| !cell.trim().is_empty());
        if filled.is_some_and(|last| last >= width) {
            return Err(format!(
                "has {} cells, but the header has {width}",
                cells.len()
            ));
        }
        let named = self.names.iter().zip(cells);
        let filled = named.filter(|(_, cell)| !cell.trim().is_empty());
        Ok(filled
            .filter_map(|(name, cell)| Some((name.clone()?, Json::String(cell))))
            .collect())
    }
}

impl Objects {
    fn of(schema: &'static Schema, text: &str) -> Self {
        Self {
            schema,
            rows: JsonRows::default(),
            text: text.as_bytes().to_vec(),
            at: 0,
            count: 0,
            ahead: VecDeque::new(),
            columns: None,
            is_last: false,
        }
    }

    fn push(&mut self, text: &str) {
        self.text.drain(..self.at);
        self.at = 0;
        self.text.extend_from_slice(text.as_bytes());
    }

    fn next_row(&mut self) -> Result<Option<Row>, TableFault> {
        if self.columns.is_none() {
            while self.ahead.len() < SAMPLE
                && let Some(row) = self.cut()?
            {
                self.ahead.push_back(row);
            }
            if self.ahead.len() < SAMPLE && !self.is_last {
                return Ok(None);
            }
            let sample: Vec<_> = self
                .ahead
                .iter()
                .filter_map(|row| row.fields.clone().ok())
                .collect();
            self.columns = Some(Columns::of_objects(self.schema, &sample)?);
        }
        let row = match self.ahead.pop_front() {
            Some(row) => Some(row),
            None => self.cut()?,
        };
        let (Some(row), Some(columns)) = (row, &mut self.columns) else {
            return Ok(None);
        };
        let fields = match row.fields {
            Ok(fields) => Ok(columns.rename(fields)?),
            Err(fault) => Err(fault),
        };
        Ok(Some(Row { fields, ..row }))
    }

    /// The next element of the array.
    fn cut(&mut self) -> Result<Option<Row>, TableFault> {
        let mut input = self.text.get(self.at..).unwrap_or_default();
        let element = self.rows.next_row(&mut input)?;
        self.at = self.text.len() - input.len();
        let Some(element) = element else {
            if self.is_last {
                self.rows.finish()?;
            }
            return Ok(None);
        };
        self.count += 1;
        Ok(Some(Row {
            number: self.count,
            line: self.count,
            fields: self.fields(&element)?,
        }))
    }

    /// An object as it is; a bare value as the number of its row.
    fn fields(&self, element: &[u8]) -> Result<Result<Map<String, Json>, String>, TableFault> {
        if element.len() > RECORD_MAX {
            return Ok(Err("is too long: a row has at most 64 KiB".to_owned()));
        }
        let value = match json::from_slice(element) {
            Ok(value) => value,
            // A key that is there twice leaves doubt about its row alone.
            Err(fault) if fault.is_data() => return Ok(Err(bad_json::sentence(&fault, ""))),
            Err(_) => return Err(TableFault::Unreadable("the body is not JSON".to_owned())),
        };
        Ok(match value {
            Json::Object(fields) => Ok(fields),
            Json::String(_) | Json::Number(_) => {
                let name = self.schema.main_number().to_owned();
                Ok(std::iter::once((name, value)).collect())
            }
            _ => Err("must be an object, or a number alone".to_owned()),
        })
    }
}
