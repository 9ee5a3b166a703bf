//! What each column of a table is: decided once, by its name, or where no name is known by what it holds.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use super::{Field, Schema, TableFault, schema::key};
use crate::{
    models::text::brief,
    phone::{PhoneFault, parse, parse_json},
};

/// Names of ignored columns that are told.
const IGNORED_MAX: usize = 50;
/// A name with so many digits may be somebody's number, and is not told.
const PHONE_DIGITS_MIN: usize = 7;

/// What the columns of a table are.
#[derive(Debug, Clone)]
pub struct Columns {
    schema: &'static Schema,
    /// A column that holds the numbers though its name does not say so.
    by_content: Option<String>,
    ignored: BTreeSet<String>,
}

/// A column that has no name of ours, and what stands in it.
pub(super) struct Unknown {
    /// Its name, or `column 3`.
    pub label: String,
    /// Where it stands, from 0.
    pub position: usize,
    /// It has a name of its own.
    pub is_named: bool,
    /// Cells with text.
    pub filled: usize,
    /// Of these, how many look like phone numbers.
    pub numbers: usize,
}

impl Unknown {
    /// A name that says something: in JSON, cells without names stand under their positions.
    fn has_name(&self) -> bool {
        self.is_named && !self.label.bytes().all(|byte| byte.is_ascii_digit())
    }
}

impl Columns {
    /// Decides for rows of JSON.
    ///
    /// # Errors
    /// When two columns are one field, or may both be the numbers.
    pub fn of_objects(
        schema: &'static Schema,
        rows: &[Map<String, Json>],
    ) -> Result<Self, TableFault> {
        let mut unknown: Vec<Unknown> = Vec::new();
        let (mut has_number, mut has_known) = (false, false);
        for row in rows {
            let mut known: Vec<(&'static Field, &str)> = Vec::new();
            for (name, value) in row {
                if let Some(field) = schema.field(name) {
                    has_number |= field.is_number;
                    has_known = true;
                    claim(&mut known, field, name)?;
                } else {
                    count(&mut unknown, name, value);
                }
            }
        }
        let (columns, _) = Self::decide(schema, has_number, has_known, &unknown)?;
        Ok(columns)
    }

    /// Decides between columns without a name of ours, where the numbers have no column yet; also the position of the one
    /// that has them. What a column holds decides only where the file names no columns, or has no other: beside others, a
    /// name that is not known may be an account, a fax or an agent's own phone.
    pub(super) fn decide(
        schema: &'static Schema,
        has_number: bool,
        has_known: bool,
        unknown: &[Unknown],
    ) -> Result<(Self, Option<usize>), TableFault> {
        let mut likely = unknown
            .iter()
            .filter(|column| !has_number && column.numbers > 0)
            .filter(|column| column.numbers * 2 >= column.filled);
        let by_content = likely.next();
        if let (Some(one), Some(other)) = (by_content, likely.next()) {
            return Err(TableFault::Columns(format!(
                "{} and {} both look like phone numbers; name the one that is meant `{}`",
                shown(&one.label),
                shown(&other.label),
                schema.main_number()
            )));
        }
        let is_alone = unknown.len() == 1 && !has_known;
        if let Some(column) = by_content.filter(|column| column.has_name() && !is_alone) {
            return Err(TableFault::Columns(format!(
                "no column is known to hold the numbers; if {} does, name it `{}`",
                shown(&column.label),
                schema.main_number()
            )));
        }
        let position = by_content.map(|column| column.position);
        let ignored = unknown
            .iter()
            .filter(|column| Some(column.position) != position)
            .filter(|column| column.is_named || column.filled > 0)
            .map(|column| shown(&column.label))
            .take(IGNORED_MAX)
            .collect();
        let columns = Self {
            schema,
            by_content: by_content.map(|column| column.label.clone()),
            ignored,
        };
        Ok((columns, position))
    }

    /// The field that a column becomes; nothing of one that is ignored.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        if self.by_content.as_deref() == Some(name) {
            return self.schema.field(self.schema.main_number());
        }
        self.schema.field(name)
    }

    /// The names of columns that are ignored, in the order of the alphabet.
    pub fn ignored(&self) -> Vec<String> {
        self.ignored.iter().cloned().collect()
    }

    /// A row under the names that the manager knows, with what it has beside them remembered.
    ///
    /// # Errors
    /// When two of its columns are one field.
    pub(super) fn rename(
        &mut self,
        row: Map<String, Json>,
    ) -> Result<Map<String, Json>, TableFault> {
        let mut known = Vec::new();
        for name in row.keys() {
            if let Some(field) = self.schema.field(name) {
                claim(&mut known, field, name)?;
            } else if self.by_content.as_ref() != Some(name) && self.ignored.len() < IGNORED_MAX {
                self.ignored.insert(shown(name));
            }
        }
        let renamed = row.into_iter().map(|(name, value)| {
            if self.by_content.as_ref() == Some(&name) {
                (self.schema.main_number().to_owned(), value)
            } else {
                (name, value)
            }
        });
        Ok(renamed.collect())
    }
}

/// Remembers that a column is a field.
///
/// # Errors
/// When another column is it, too.
pub(super) fn claim<'n>(
    known: &mut Vec<(&'static Field, &'n str)>,
    field: &'static Field,
    name: &'n str,
) -> Result<(), TableFault> {
    let other = known.iter().find(|(other, _)| other.name == field.name);
    let Some((_, other)) = other else {
        known.push((field, name));
        return Ok(());
    };
    Err(TableFault::Columns(if key(other) == key(name) {
        format!("the column {} is there twice", shown(name))
    } else {
        format!(
            "the columns {} and {} are both {}; keep one",
            shown(other),
            shown(name),
            field.name
        )
    }))
}

fn count(unknown: &mut Vec<Unknown>, name: &str, value: &Json) {
    let place = unknown.iter().position(|column| column.label == name);
    let place = place.unwrap_or(unknown.len());
    if place == unknown.len() {
        // A row of thousands of names is no row of ours.
        if place >= 2 * IGNORED_MAX {
            return;
        }
        unknown.push(Unknown {
            label: name.to_owned(),
            position: place,
            is_named: true,
            filled: 0,
            numbers: 0,
        });
    }
    if let Some(column) = unknown.get_mut(place) {
        let fault = parse_json(value).err();
        column.filled += usize::from(fault != Some(PhoneFault::Empty));
        column.numbers += usize::from(is_number(fault));
    }
}

/// Whether a cell is a number, or was one before a program spoilt it.
pub(super) fn looks_like_number(cell: &str) -> bool {
    is_number(parse(cell).err())
}

const fn is_number(fault: Option<PhoneFault>) -> bool {
    matches!(
        fault,
        None | Some(PhoneFault::Rounded | PhoneFault::Extension | PhoneFault::Several)
    )
}

/// A column's name as it may be told.
fn shown(name: &str) -> String {
    if name.bytes().filter(u8::is_ascii_digit).count() >= PHONE_DIGITS_MIN {
        return "(a number)".to_owned();
    }
    let name: String = name.trim().chars().take(64).collect();
    brief(name)
}
