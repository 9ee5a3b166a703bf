//! Texts by name, as queries and forms have them, read into a struct.

use std::{cell::RefCell, collections::HashMap};

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, Error as _, IntoDeserializer, MapAccess, Visitor,
        value::StrDeserializer,
    },
    forward_to_deserialize_any,
};
use serde_json::Error as Fault;

use crate::models::{
    bad_json,
    error::Error,
    flag::parse_flag,
    page::{ensure_known, whole},
};

/// Texts by name.
pub(super) type Values = HashMap<String, String>;

/// Why they were refused.
pub(super) struct Refusal {
    /// Which of them; empty where one is missing.
    pub name: String,
    /// A sentence without its full stop.
    pub message: String,
    /// The answer as it is, where one that nobody knows was refused.
    pub error: Option<Error>,
}

/// Reads a struct: a missing `Option` is none, and an empty text, too. Numbers and flags are read as callers write
/// them. With `is_strict`, names that a struct does not have are refused.
pub(super) fn read<T: DeserializeOwned>(values: &Values, is_strict: bool) -> Result<T, Refusal> {
    let reading = Reading {
        values,
        is_strict,
        at: RefCell::default(),
        refused: RefCell::default(),
    };
    T::deserialize(&reading).map_err(|fault| {
        let name = reading.at.take();
        Refusal {
            message: bad_json::sentence(&fault, &name),
            name,
            error: reading.refused.take(),
        }
    })
}

struct Reading<'v> {
    values: &'v Values,
    is_strict: bool,
    /// The name whose value is being read.
    at: RefCell<String>,
    refused: RefCell<Option<Error>>,
}

impl<'de> Deserializer<'de> for &'de Reading<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Entries {
            reading: self,
            left: self.values.iter(),
            value: None,
        })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if self.is_strict
            && let Err(error) = ensure_known(self.values, fields.iter().copied())
        {
            self.refused.replace(Some(error));
            return Err(Fault::custom("has a parameter too many"));
        }
        self.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

struct Entries<'r, 'v> {
    reading: &'r Reading<'v>,
    left: std::collections::hash_map::Iter<'r, String, String>,
    value: Option<&'r str>,
}

impl<'r> MapAccess<'r> for Entries<'r, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'r>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.left.next() else {
            self.reading.at.take();
            return Ok(None);
        };
        self.reading.at.replace(name.clone());
        self.value = Some(value);
        let name: StrDeserializer<'_, Fault> = name.as_str().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'r>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        seed.deserialize(Text(self.value.take().unwrap_or_default()))
    }
}

/// One text, read as whatever belongs there.
struct Text<'r>(&'r str);

impl Text<'_> {
    fn natural(&self) -> Result<u64, Fault> {
        whole(self.0).ok_or_else(|| Fault::custom("must be a whole number"))
    }

    fn integer(&self) -> Result<i64, Fault> {
        let positive = || i64::try_from(whole(self.0)?).ok();
        let number = self.0.parse().ok().or_else(positive);
        number.ok_or_else(|| Fault::custom("must be a whole number"))
    }

    fn number(&self) -> Result<f64, Fault> {
        let number = self.0.trim().parse().ok();
        let number = number.filter(|number: &f64| number.is_finite());
        number.ok_or_else(|| Fault::custom("must be a number"))
    }
}

macro_rules! numbers {
    ($($method:ident: $read:ident, $visit:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.$visit(self.$read()?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let flag = parse_flag(self.0)
            .ok_or_else(|| Fault::custom("must be true or false (1 or 0, yes or no)"))?;
        visitor.visit_bool(flag)
    }

    numbers! {
        deserialize_u8: natural, visit_u64;
        deserialize_u16: natural, visit_u64;
        deserialize_u32: natural, visit_u64;
        deserialize_u64: natural, visit_u64;
        deserialize_i8: integer, visit_i64;
        deserialize_i16: integer, visit_i64;
        deserialize_i32: integer, visit_i64;
        deserialize_i64: integer, visit_i64;
        deserialize_f32: number, visit_f64;
        deserialize_f64: number, visit_f64;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.0.is_empty() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let text: StrDeserializer<'_, Fault> = self.0.into_deserializer();
        visitor.visit_enum(text)
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier
        ignored_any
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde::Deserialize;
    use uuid::Uuid;

    use super::*;
    use crate::models::identity::optional_owner;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Order {
        #[default]
        Newest,
        Oldest,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Wanted {
        text: String,
        limit: Option<u32>,
        offset: i32,
        share: Option<f64>,
        update: bool,
        order: Order,
        #[serde(deserialize_with = "optional_owner")]
        customer_id: Option<Uuid>,
    }

    fn values(pairs: &[(&str, &str)]) -> Values {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn each_value_is_read_as_what_belongs_there() {
        let given = values(&[
            ("text", "1"),
            ("limit", "10.0"),
            ("offset", "-3"),
            ("share", "0.5"),
            ("update", " YES"),
            ("order", "oldest"),
            ("customer_id", "5B1A000000000000000000000000000A"),
        ]);
        let expected = Wanted {
            text: "1".to_owned(),
            limit: Some(10),
            offset: -3,
            share: Some(0.5),
            update: true,
            order: Order::Oldest,
            customer_id: Some(Uuid::from_u128(0x5b1a_0000_0000_0000_0000_0000_0000_000a)),
        };
        assert_eq!(read::<Wanted>(&given, true).ok(), Some(expected));
    }

    #[rstest]
    #[case(&[])]
    #[case(&[("limit", ""), ("share", ""), ("customer_id", ""), ("text", "")])]
    fn what_is_missing_or_empty_is_not_there(#[case] given: &[(&str, &str)]) {
        assert_eq!(
            read::<Wanted>(&values(given), true).ok(),
            Some(Wanted::default())
        );
    }

    #[rstest]
    #[case("limit", "-1", "limit must be a whole number")]
    #[case("limit", "1.5", "limit must be a whole number")]
    #[case("limit", "ten", "limit must be a whole number")]
    #[case(
        "limit",
        "4294967296",
        "limit must be a whole number from 0 to 4294967295"
    )]
    #[case("offset", "1e3", "offset must be a whole number")]
    #[case("share", "NaN", "share must be a number")]
    #[case("update", "", "update must be true or false (1 or 0, yes or no)")]
    #[case("update", "maybe", "update must be true or false (1 or 0, yes or no)")]
    #[case("order", "random", "order must be one of newest, oldest")]
    #[case("customer_id", "x", "customer_id must be a UUID")]
    fn a_wrong_value_is_refused_by_its_name(
        #[case] name: &str,
        #[case] value: &str,
        #[case] message: &str,
    ) {
        let refused = read::<Wanted>(&values(&[(name, value), ("text", "x")]), true);
        let refused = refused.err().unwrap();
        assert_eq!((refused.name.as_str(), &*refused.message), (name, message));
    }

    #[test]
    fn an_unknown_name_is_refused_or_passed_over() {
        let given = values(&[("limit", "3"), ("limits", "4")]);
        let refused = read::<Wanted>(&given, true).err().unwrap();
        assert_eq!(refused.error.unwrap().reason(), "UNKNOWN_PARAMETER");
        let read = read::<Wanted>(&given, false).ok().unwrap();
        assert_eq!(read.limit, Some(3));
    }

    #[test]
    fn what_must_be_there_is_missed() {
        #[derive(Debug, Deserialize)]
        struct Needs {
            #[serde(rename = "CallSid")]
            _sid: String,
        }
        let refused = read::<Needs>(&values(&[("From", "+1")]), false)
            .err()
            .unwrap();
        assert_eq!(
            (refused.name.as_str(), &*refused.message),
            ("", "CallSid is missing")
        );
    }

    proptest! {
        #[test]
        fn no_value_is_repeated(limit in "[^0-9]\\PC{1,20}") {
            if let Err(refused) = read::<Wanted>(&values(&[("limit", &limit)]), true) {
                prop_assert_eq!(refused.message, "limit must be a whole number");
            }
        }
    }
}
