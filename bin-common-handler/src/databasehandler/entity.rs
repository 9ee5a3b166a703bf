//! Entities: a struct, its table and its columns, declared once.

use serde::{Deserialize, Serialize, Serializer};
use sqlx::{MySql, Sqlite, ValueRef};
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

/// Declares a struct as a row of a table: `entity!(Outdial, "outdial_outdials", [id, name, tm_update])`.
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
                self.tm_update
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

impl<T: Serialize> From<JsonColumn<T>> for Value {
    fn from(column: JsonColumn<T>) -> Self {
        column.0.map_or(Self::Null, |value| Self::json(&value))
    }
}

impl<T> sqlx::Type<MySql> for JsonColumn<T> {
    fn type_info() -> <MySql as sqlx::Database>::TypeInfo {
        <sqlx::types::Json<()> as sqlx::Type<MySql>>::type_info()
    }

    fn compatible(ty: &<MySql as sqlx::Database>::TypeInfo) -> bool {
        <sqlx::types::Json<()> as sqlx::Type<MySql>>::compatible(ty)
            || <&[u8] as sqlx::Type<MySql>>::compatible(ty)
    }
}

impl<'r, T: serde::de::DeserializeOwned + 'r> sqlx::Decode<'r, MySql> for JsonColumn<T> {
    fn decode(
        value: <MySql as sqlx::Database>::ValueRef<'r>,
    ) -> Result<Self, sqlx::error::BoxDynError> {
        if value.is_null() {
            return Ok(Self(None));
        }
        <sqlx::types::Json<Option<T>> as sqlx::Decode<'r, MySql>>::decode(value)
            .map(|json| Self(json.0))
    }
}

impl<T> sqlx::Type<Sqlite> for JsonColumn<T> {
    fn type_info() -> <Sqlite as sqlx::Database>::TypeInfo {
        <String as sqlx::Type<Sqlite>>::type_info()
    }

    fn compatible(ty: &<Sqlite as sqlx::Database>::TypeInfo) -> bool {
        <String as sqlx::Type<Sqlite>>::compatible(ty)
    }
}

impl<'r, T: serde::de::DeserializeOwned> sqlx::Decode<'r, Sqlite> for JsonColumn<T> {
    fn decode(
        value: <Sqlite as sqlx::Database>::ValueRef<'r>,
    ) -> Result<Self, sqlx::error::BoxDynError> {
        if value.is_null() {
            return Ok(Self(None));
        }
        let text = <&str as sqlx::Decode<'r, Sqlite>>::decode(value)?;
        Ok(Self(serde_json::from_str(text)?))
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
