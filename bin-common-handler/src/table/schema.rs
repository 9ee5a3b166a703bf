//! What the columns of a table may be called.

use crate::phone::visible;

/// The columns of one kind of row.
#[derive(Debug, PartialEq, Eq)]
pub struct Schema {
    /// Its columns. The first that holds a phone number has the numbers of a table without names.
    pub fields: &'static [Field],
}

/// One column.
#[derive(Debug, PartialEq, Eq)]
pub struct Field {
    /// The name of the field that it becomes.
    pub name: &'static str,
    /// Other names, in small letters without anything between them.
    pub aliases: &'static [&'static str],
    /// It holds phone numbers; a table needs one such column.
    pub is_number: bool,
}

impl Field {
    /// A column of phone numbers.
    pub const fn number(name: &'static str, aliases: &'static [&'static str]) -> Self {
        Self {
            name,
            aliases,
            is_number: true,
        }
    }

    /// Any other column.
    pub const fn of(name: &'static str, aliases: &'static [&'static str]) -> Self {
        Self {
            name,
            aliases,
            is_number: false,
        }
    }
}

impl Schema {
    /// The field of a column with this name, however it is written: `Daily Cap`, `daily_cap`, `DAILY-CAP`.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        let key = key(name);
        self.fields
            .iter()
            .find(|field| self::key(field.name) == key || field.aliases.contains(&key.as_str()))
    }

    /// The field for the numbers of a table without names.
    pub fn main_number(&self) -> &'static str {
        let mut numbers = self.fields.iter().filter(|field| field.is_number);
        numbers.next().map_or("number", |field| field.name)
    }
}

/// A name as names are compared: letters and digits only, in small letters.
pub(super) fn key(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// A cell without what spreadsheets and other programs put around its text: spaces, invisible characters, and the
/// formula `="…"`.
pub fn plain(cell: &str) -> String {
    let text = visible(cell);
    let text = text.trim();
    let formula = text
        .strip_prefix("=\"")
        .and_then(|rest| rest.strip_suffix('"'));
    formula.unwrap_or(text).trim().to_owned()
}
