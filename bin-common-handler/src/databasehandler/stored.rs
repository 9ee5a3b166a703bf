//! Reading what stands in a row, whoever wrote it: a value that is not understood takes nothing but itself away.
//!
//! NULL is a type's empty value. What has the wrong shape is replaced by something harmless, counted by table and
//! column, and warned of once. [`Entity`](crate::Entity) reads every column of a row in this way.

use std::{
    collections::BTreeSet,
    sync::{LazyLock, Mutex, PoisonError},
};

use prometheus::{IntCounterVec, Opts};
use serde::de::DeserializeOwned;
use sqlx::{
    Decode, MySql, Row as _, Sqlite, TypeInfo, ValueRef, mysql::MySqlRow, sqlite::SqliteRow,
    types::Json,
};
use tracing::warn;
use uuid::Uuid;

use super::JsonColumn;
use crate::models::time::Timestamp;

/// Unknown texts that are remembered, for the life of the process; others are shown as `?`.
const TEXTS_MAX: usize = 256;
/// Longest unknown text that is remembered, in bytes.
const TEXT_MAX: usize = 64;

/// What stands in one column of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'r> {
    /// SQL NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text, JSON, or raw bytes: the type of the reader decides.
    Bytes(&'r [u8]),
    /// A time of MySQL.
    Time(Timestamp),
    /// Nothing that can be read, e.g. a zero date.
    Unreadable,
}

/// What can be read from a cell.
pub trait Stored: Sized {
    /// Reads a cell.
    ///
    /// # Errors
    /// What stands in for a value that is not understood.
    fn stored(cell: Cell<'_>) -> Result<Self, Self>;
}

/// What a JSON column may hold.
pub trait StoredJson: Sized {
    /// Reads a JSON value that is not null; nothing where it means that there is none.
    ///
    /// # Errors
    /// What stands in for a value that is not understood.
    fn stored_json(value: serde_json::Value) -> Result<Option<Self>, Option<Self>>;
}

/// A row whose cells can be read whatever they hold.
pub trait Cells {
    /// The cell under `column`.
    ///
    /// # Errors
    /// When the row has no such column.
    fn cell(&self, column: &str) -> Result<Cell<'_>, sqlx::Error>;
}

impl Cells for MySqlRow {
    fn cell(&self, column: &str) -> Result<Cell<'_>, sqlx::Error> {
        let value = self.try_get_raw(column)?;
        if value.is_null() {
            return Ok(Cell::Null);
        }
        let kind = value.type_info().into_owned();
        let cell = match kind.name() {
            "DATETIME" | "TIMESTAMP" | "DATE" => {
                <Timestamp as Decode<MySql>>::decode(value).map(Cell::Time)
            }
            name if name.ends_with(" UNSIGNED") || matches!(name, "BIT" | "YEAR") => {
                <u64 as Decode<MySql>>::decode(value)
                    .map(|number| i64::try_from(number).map_or(Cell::Unreadable, Cell::Int))
            }
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "INT" | "MEDIUMINT" | "BIGINT" => {
                <i64 as Decode<MySql>>::decode(value).map(Cell::Int)
            }
            "FLOAT" | "DOUBLE" => <f64 as Decode<MySql>>::decode(value).map(Cell::Float),
            "TIME" | "GEOMETRY" => Ok(Cell::Unreadable),
            _ => <&[u8] as Decode<MySql>>::decode(value).map(Cell::Bytes),
        };
        Ok(cell.unwrap_or(Cell::Unreadable))
    }
}

impl Cells for SqliteRow {
    fn cell(&self, column: &str) -> Result<Cell<'_>, sqlx::Error> {
        let value = self.try_get_raw(column)?;
        if value.is_null() {
            return Ok(Cell::Null);
        }
        let kind = value.type_info().into_owned();
        let cell = match kind.name() {
            "INTEGER" => <i64 as Decode<Sqlite>>::decode(value).map(Cell::Int),
            "REAL" => <f64 as Decode<Sqlite>>::decode(value).map(Cell::Float),
            _ => <&[u8] as Decode<Sqlite>>::decode(value).map(Cell::Bytes),
        };
        Ok(cell.unwrap_or(Cell::Unreadable))
    }
}

/// Reads a column; what is not understood is noted.
///
/// # Errors
/// When the row has no such column.
pub fn read<T: Stored>(
    row: &impl Cells,
    table: &'static str,
    column: &'static str,
) -> Result<T, sqlx::Error> {
    Ok(T::stored(row.cell(column)?).unwrap_or_else(|instead| {
        note(table, column);
        instead
    }))
}

/// `tandem_stored_values_not_understood_total{table,column}`.
pub(crate) static NOT_UNDERSTOOD: LazyLock<Option<IntCounterVec>> = LazyLock::new(|| {
    let opts = Opts::new(
        "tandem_stored_values_not_understood_total",
        "Values read from the database that were not understood.",
    );
    IntCounterVec::new(opts, &["table", "column"]).ok()
});

/// Counts a value that was not understood, and warns of the first in each column. The value itself may be a
/// phone number: it is not told.
pub fn note(table: &'static str, column: &'static str) {
    let Some(counters) = NOT_UNDERSTOOD.as_ref() else {
        return;
    };
    let counter = counters.with_label_values(&[table, column]);
    if counter.get() == 0 {
        warn!(
            table,
            column, "a stored value is not understood; its row is served without it"
        );
    }
    counter.inc();
}

/// The same text for as long as the process lives, so that a state that we do not know is as cheap as one that
/// we know. There are few; beyond [`TEXTS_MAX`] all are `?`.
pub fn lasting(text: &str) -> &'static str {
    static TEXTS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    if text.len() > TEXT_MAX || texts.len() >= TEXTS_MAX {
        return "?";
    }
    let lasting: &'static str = Box::leak(text.to_owned().into_boxed_str());
    texts.insert(lasting);
    lasting
}

/// A row's version: when it was changed last, or made.
pub trait Changed: Copy {
    /// Puts it in its one form, knowing when the row was made.
    #[must_use]
    fn settled(self, created: Timestamp) -> Self;
    /// As a version.
    fn version(self, created: Timestamp) -> Timestamp;
    /// Of a row that was made at `now`.
    fn created(now: Timestamp) -> Self;
    /// Of a row that was changed at `now`.
    fn updated(now: Timestamp) -> Self;
}

impl Changed for Timestamp {
    /// NULL reads as never changed.
    fn settled(self, created: Timestamp) -> Self {
        if self.is_unset() { created } else { self }
    }

    fn version(self, created: Timestamp) -> Timestamp {
        self.settled(created)
    }

    fn created(now: Timestamp) -> Self {
        now
    }

    fn updated(now: Timestamp) -> Self {
        now
    }
}

impl Changed for Option<Timestamp> {
    /// A row that was never changed may have either form.
    fn settled(self, created: Timestamp) -> Self {
        self.filter(|changed| *changed != created)
    }

    fn version(self, created: Timestamp) -> Timestamp {
        self.unwrap_or(created)
    }

    fn created(_: Timestamp) -> Self {
        None
    }

    fn updated(now: Timestamp) -> Self {
        Some(now)
    }
}

impl<T: Stored> Stored for Option<T> {
    fn stored(cell: Cell<'_>) -> Result<Self, Self> {
        match cell {
            Cell::Null => Ok(None),
            cell => T::stored(cell).map(Some).map_err(Some),
        }
    }
}

impl Stored for String {
    fn stored(cell: Cell<'_>) -> Result<Self, Self> {
        match cell {
            Cell::Null => Ok(Self::new()),
            Cell::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(_) => Err(Self::from_utf8_lossy(bytes).into_owned()),
            },
            Cell::Int(number) => Err(number.to_string()),
            Cell::Float(number) => Err(number.to_string()),
            Cell::Time(_) | Cell::Unreadable => Err(Self::new()),
        }
    }
}

impl Stored for Vec<u8> {
    fn stored(cell: Cell<'_>) -> Result<Self, Self> {
        match cell {
            Cell::Null => Ok(Self::new()),
            Cell::Bytes(bytes) => Ok(bytes.to_vec()),
            _ => Err(Self::new()),
        }
    }
}

/// What has no 16 bytes is nobody's: the nil id.
impl Stored for Uuid {
    fn stored(cell: Cell<'_>) -> Result<Self, Self> {
        match cell {
            Cell::Null => Ok(Self::nil()),
            Cell::Bytes(bytes) => Self::from_slice(bytes).map_err(|_| Self::nil()),
            _ => Err(Self::nil()),
        }
    }
}

impl Stored for i64 {
    fn stored(cell: Cell<'_>) -> Result<Self, Self> {
        match cell {
            Cell::Null => Ok(0),
            Cell::Int(number) => Ok(number),
            // A decimal column of MySQL arrives as text.
            Cell::Bytes(bytes) => std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or(0),
            _ => Err(0),
        }
    }
}

macro_rules! stored_narrow {
    ($($type:ty),+) => {$(
        impl Stored for $type {
            fn stored(cell: Cell<'_>) -> Result<Self, Self> {
                let wide = i64::stored(cell).map_err(|_| <$type>::default())?;
                let nearest = if wide < 0 { <$type>::MIN } else { <$type>::MAX };
                <$type>::try_from(wide).map_err(|_| nearest)
            }
        }
    )+};
}

stored_narrow!(i32, u32);

impl Stored for bool {
    fn stored(cell: Cell<'_>) -> Result<Self, Self> {
        match i64::stored(cell) {
            Ok(number) => Ok(number != 0),
            Err(_) => Err(false),
        }
    }
}

impl Stored for f64 {
    fn stored(cell: Cell<'_>) -> Result<Self, Self> {
        match cell {
            Cell::Null => Ok(0.0),
            Cell::Float(number) => Ok(number),
            #[expect(
                clippy::cast_precision_loss,
                reason = "a whole number where a fraction belongs"
            )]
            Cell::Int(number) => Ok(number as Self),
            _ => Err(0.0),
        }
    }
}

/// A time that cannot be read is not known: unset. One out of range is the nearest that can be written.
impl Stored for Timestamp {
    fn stored(cell: Cell<'_>) -> Result<Self, Self> {
        match cell {
            Cell::Null => Ok(Self::UNSET),
            Cell::Time(time) => Ok(time),
            Cell::Int(micros) => {
                let time = Self::from_micros(micros).in_range();
                if time.micros() == micros {
                    Ok(time)
                } else {
                    Err(time)
                }
            }
            Cell::Bytes(bytes) => std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse().ok())
                .ok_or(Self::UNSET),
            Cell::Float(_) | Cell::Unreadable => Err(Self::UNSET),
        }
    }
}

impl<T: DeserializeOwned + Default> Stored for Json<T> {
    fn stored(cell: Cell<'_>) -> Result<Self, Self> {
        match cell {
            Cell::Null => Ok(Self::default()),
            Cell::Bytes(bytes) => serde_json::from_slice(bytes)
                .map(Self)
                .map_err(|_| Self::default()),
            _ => Err(Self::default()),
        }
    }
}

impl<T: StoredJson> Stored for JsonColumn<T> {
    fn stored(cell: Cell<'_>) -> Result<Self, Self> {
        let value = match cell {
            Cell::Null => return Ok(Self(None)),
            Cell::Bytes(bytes) => serde_json::from_slice(bytes),
            _ => return Err(Self(None)),
        };
        match value {
            Ok(serde_json::Value::Null) => Ok(Self(None)),
            Ok(value) => T::stored_json(value).map(Self).map_err(Self),
            Err(_) => Err(Self(None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::models::address::Address;

    fn text(text: &str) -> Cell<'_> {
        Cell::Bytes(text.as_bytes())
    }

    #[test]
    fn null_is_the_empty_value_and_understood() {
        assert_eq!(String::stored(Cell::Null), Ok(String::new()));
        assert_eq!(Uuid::stored(Cell::Null), Ok(Uuid::nil()));
        assert_eq!(i32::stored(Cell::Null), Ok(0));
        assert_eq!(bool::stored(Cell::Null), Ok(false));
        assert_eq!(f64::stored(Cell::Null), Ok(0.0));
        assert_eq!(Timestamp::stored(Cell::Null), Ok(Timestamp::UNSET));
        assert_eq!(<Option<Timestamp>>::stored(Cell::Null), Ok(None));
        assert_eq!(<Option<i32>>::stored(Cell::Null), Ok(None));
        assert_eq!(Json::<Vec<i32>>::stored(Cell::Null), Ok(Json(vec![])));
        assert_eq!(
            JsonColumn::<Address>::stored(Cell::Null),
            Ok(JsonColumn(None))
        );
        assert_eq!(
            JsonColumn::<Address>::stored(text("null")),
            Ok(JsonColumn(None))
        );
        assert_eq!(
            JsonColumn::<Address>::stored(text("{}")),
            Ok(JsonColumn(None))
        );
    }

    #[rstest]
    #[case(Cell::Int(5_000_000_000), i32::MAX)]
    #[case(Cell::Int(-5_000_000_000), i32::MIN)]
    #[case(text("three"), 0)]
    #[case(Cell::Float(1.5), 0)]
    #[case(Cell::Unreadable, 0)]
    fn an_odd_number_is_the_nearest_or_none(#[case] cell: Cell<'_>, #[case] instead: i32) {
        assert_eq!(i32::stored(cell), Err(instead));
    }

    #[rstest]
    #[case(Cell::Int(i64::MAX), "9999-12-31T23:59:59.999999Z")]
    #[case(Cell::Int(-99_999_999_999_999_999), "0001-01-01T00:00:00Z")]
    fn a_time_out_of_range_is_the_nearest_that_can_be_written(
        #[case] cell: Cell<'_>,
        #[case] wire: &str,
    ) {
        let time = Timestamp::stored(cell).unwrap_err();
        assert_eq!(time.to_string(), wire);
        assert_eq!(wire.parse::<Timestamp>().unwrap(), time);
    }

    #[rstest]
    #[case(text("yesterday"))]
    #[case(Cell::Unreadable)]
    #[case(Cell::Float(0.5))]
    fn a_time_that_is_none_is_unset(#[case] cell: Cell<'_>) {
        assert_eq!(Timestamp::stored(cell), Err(Timestamp::UNSET));
        assert_eq!(serde_json::to_string(&Timestamp::UNSET).unwrap(), "null");
    }

    #[test]
    fn an_id_of_another_length_and_broken_text_are_noticed() {
        assert_eq!(Uuid::stored(Cell::Bytes(&[7; 5])), Err(Uuid::nil()));
        assert_eq!(Uuid::stored(Cell::Bytes(&[7; 17])), Err(Uuid::nil()));
        assert_eq!(Uuid::stored(Cell::Int(7)), Err(Uuid::nil()));
        assert!(String::stored(Cell::Bytes(&[b'a', 0xff])).is_err());
        assert_eq!(Json::<Vec<i32>>::stored(text("{")), Err(Json(vec![])));
    }

    #[test]
    fn a_row_that_was_never_changed_has_one_form() {
        let (made, later) = (Timestamp::from_micros(5), Timestamp::from_micros(6));
        assert_eq!(Timestamp::UNSET.settled(made), made);
        assert_eq!(later.settled(made), later);
        assert_eq!(None::<Timestamp>.settled(made), None);
        assert_eq!(Some(made).settled(made), None);
        assert_eq!(Some(later).settled(made), Some(later));
        assert_eq!(None::<Timestamp>.version(made), made);
    }

    #[test]
    fn few_unknown_texts_are_remembered() {
        assert_eq!(lasting("paused"), "paused");
        assert_eq!(lasting(&"x".repeat(TEXT_MAX + 1)), "?");
    }
}
