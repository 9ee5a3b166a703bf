//! Entities: a struct, its table and its columns, declared once.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::{Row, Value};
use crate::models::time::Timestamp;

/// A struct that is a row. Derive it: `#[derive(Entity)] #[entity(table = "did_usages")]`.
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

/// The columns in order. A field may be called `from` or `to`, which are words of SQL; both databases take backticks.
fn columns<E: Entity>() -> String {
    let quoted: Vec<_> = E::COLUMNS.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

pub(super) fn select<E: Entity>() -> String {
    format!("SELECT {} FROM {}", columns::<E>(), E::TABLE)
}

pub(super) fn insert<E: Entity>(rows: usize) -> String {
    let marks = format!("({})", vec!["?"; E::COLUMNS.len()].join(", "));
    format!(
        "INSERT INTO {} ({}) VALUES {}",
        E::TABLE,
        columns::<E>(),
        vec![marks; rows].join(", ")
    )
}

/// Writes every column but the id, which comes last among the values.
pub(super) fn update<E: Entity>() -> String {
    let columns: Vec<_> = E::COLUMNS
        .iter()
        .filter(|name| **name != "id")
        .map(|name| format!("`{name}` = ?"))
        .collect();
    format!(
        "UPDATE {} SET {} WHERE id = ?",
        E::TABLE,
        columns.join(", ")
    )
}
