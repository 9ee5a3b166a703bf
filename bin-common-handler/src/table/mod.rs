//! Tables of rows, as people's programs write them: one reader for every import, over HTTP and from a file.
//!
//! [`Reader`] takes bytes in any pieces and gives rows. `decode` finds the encoding, `records` cuts CSV into records,
//! `json` and [`Splitter`] cut JSON, and [`Columns`] decides, once for the whole table, what each column is. What the
//! columns of a route may be called stands in its [`Schema`], which the manager uses for rows of JSON as well.

mod columns;
mod decode;
mod header;
mod json;
mod reader;
mod records;
mod schema;
mod splitter;
#[cfg(test)]
mod tests;

pub use columns::Columns;
pub use json::JsonRows;
pub use reader::{Kind, Reader, Row};
pub use schema::{Field, Schema, plain};
pub use splitter::{BadRows, ROW_MAX, Splitter};

use crate::models::error::Error;

/// Why a table is not read. Nothing of it is taken then, or nothing behind the place that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableFault {
    /// It cannot be read as text, CSV or JSON.
    #[error("{0}")]
    Unreadable(String),
    /// Its columns do not say where the numbers are.
    #[error("{0}")]
    Columns(String),
}

impl From<TableFault> for Error {
    fn from(fault: TableFault) -> Self {
        let reason = match fault {
            TableFault::Unreadable(_) => "INVALID_BODY",
            TableFault::Columns(_) => "INVALID_COLUMNS",
        };
        let said = fault.to_string();
        let mut chars = said.chars();
        let first = chars.next().map(|c| c.to_ascii_uppercase());
        let sentence: String = first.into_iter().chain(chars).collect();
        Self::invalid_argument(reason, format!("{sentence}."))
    }
}

impl From<BadRows> for TableFault {
    fn from(bad: BadRows) -> Self {
        match bad {
            BadRows::NotAnArray => {
                Self::Unreadable("the body must be one JSON array of rows".to_owned())
            }
            BadRows::RowTooLarge => Self::Unreadable(bad.to_string()),
        }
    }
}
