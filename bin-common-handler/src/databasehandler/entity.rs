//! Entities: a struct, its table and its columns, declared once.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{Row, Value};
use crate::models::time::Timestamp;

/// A struct that is a row. Declare it with [`entity!`](crate::entity).
pub trait Entity: Row + Serialize + Clone + Send + Sync + 'static {
    /// Its table.
    const TABLE: &'static str;
    /// Its columns, which are its fields; the first is `id`.
    const COLUMNS: &'static [&'static str];

    /// The columns' values, in order.
    fn values(&self) -> Vec<Value>;
    /// Its identifier.
    fn id(&self) -> Uuid;
    /// Its version: tm_update.
    fn version(&self) -> Timestamp;
}

/// Declares a struct as a row of a table: `entity!(Outdial, "outdial_outdials", [id, name, tm_update])`. Its
/// columns are read as [`Stored`](crate::databasehandler::Stored) says.
#[macro_export]
macro_rules! entity {
    ($type:ty, $table:literal, [$($column:ident),+ $(,)?]) => {
        impl $crate::databasehandler::Entity for $type {
            const TABLE: &'static str = $table;
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];

            fn values(&self) -> Vec<$crate::databasehandler::Value> {
                vec![$(self.$column.clone().into()),+]
            }

            fn id(&self) -> uuid::Uuid {
                self.id
            }

            fn version(&self) -> $crate::models::time::Timestamp {
                $crate::databasehandler::Changed::version(self.tm_update, self.tm_create)
            }
        }

        $crate::stored_row!($type, $table, [$($column),+], |read| {
            read.tm_update =
                $crate::databasehandler::Changed::settled(read.tm_update, read.tm_create);
        });
    };
}

/// Reads a struct from the columns of a query, whatever they hold:
/// `stored_row!(Candidate, "outdial_outdialtargets", [id, tm_update])`.
#[macro_export]
macro_rules! stored_row {
    ($type:ty, $table:literal, [$($column:ident),+ $(,)?]) => {
        $crate::stored_row!($type, $table, [$($column),+], |_read| {});
    };
    ($type:ty, $table:literal, [$($column:ident),+], |$read:ident| $then:block) => {
        impl<'r, R: sqlx::Row + $crate::databasehandler::Cells> sqlx::FromRow<'r, R> for $type {
            fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
                let mut read = Self {
                    $($column: $crate::databasehandler::read(row, $table, stringify!($column))?),+
                };
                let $read = &mut read;
                $then;
                Ok(read)
            }
        }
    };
}

/// A JSON column that may be absent: SQL NULL, or the JSON text `null` that older services stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct JsonColumn<T>(pub Option<T>);

impl<T: Serialize> Serialize for JsonColumn<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for JsonColumn<T> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::deserialize(deserializer).map(Self)
    }
}

impl<T: JsonSchema> JsonSchema for JsonColumn<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

impl<T: Serialize> From<JsonColumn<T>> for Value {
    fn from(column: JsonColumn<T>) -> Self {
        column.0.map_or(Self::Null, |value| Self::json(&value))
    }
}

pub(super) fn select<E: Entity>() -> String {
    format!("SELECT {} FROM {}", E::COLUMNS.join(", "), E::TABLE)
}

pub(super) fn insert<E: Entity>(rows: usize) -> String {
    let marks = format!("({})", vec!["?"; E::COLUMNS.len()].join(", "));
    format!(
        "INSERT INTO {} ({}) VALUES {}",
        E::TABLE,
        E::COLUMNS.join(", "),
        vec![marks; rows].join(", ")
    )
}

/// Writes every column but the id, which comes last among the values.
pub(super) fn update<E: Entity>() -> String {
    let columns: Vec<_> = E::COLUMNS
        .iter()
        .filter(|name| **name != "id")
        .map(|name| format!("{name} = ?"))
        .collect();
    format!(
        "UPDATE {} SET {} WHERE id = ?",
        E::TABLE,
        columns.join(", ")
    )
}
