//! JSON of others, read to the letter: a key that is there twice is refused, a key in another case is the field
//! that it means, and a list is no object: serde takes its entries for the fields in their order, and an empty one for an
//! object of defaults. All of these would be lost without a word.

use std::{borrow::Cow, collections::HashSet, fmt, marker::PhantomData};

use serde::{
    Deserializer,
    de::{
        DeserializeOwned, DeserializeSeed, EnumAccess, Error as _, IntoDeserializer, MapAccess,
        SeqAccess, Unexpected, Visitor, value::CowStrDeserializer,
    },
};
use serde_json::{Map, Value};

use super::error::{Error, Result};

/// As [`serde_json::from_str`].
///
/// # Errors
/// When it is no JSON, is not of the type, or has a key twice.
pub fn from_str<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = T::deserialize(Strict(&mut reader))?;
    reader.end()?;
    Ok(read)
}

/// As [`serde_json::from_slice`].
///
/// # Errors
/// As for [`from_str`].
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = T::deserialize(Strict(&mut reader))?;
    reader.end()?;
    Ok(read)
}

/// A field of an object whose keys are not checked against a type: the key may be in another case.
///
/// # Errors
/// 400 when it is there twice, in different cases.
pub fn field<'f>(object: &'f Map<String, Value>, name: &str) -> Result<Option<&'f Value>> {
    let mut found = object
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let first = found.next();
    if found.next().is_some() {
        return Err(Error::invalid_argument(
            "INVALID_BODY",
            format!("The body is not right: {name} is there twice, in different cases."),
        ));
    }
    Ok(first.map(|(_, value)| value))
}

/// Values that serde_json takes as they are written, such as raw JSON.
const OWN_NAMES: &str = "$serde_json::private::";

/// A deserializer, a seed, a visitor or a part of a value, read to the letter.
pub(super) struct Strict<T>(pub(super) T);

macro_rules! forward {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method(Seen::any(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Strict<D> {
    type Error = D::Error;

    forward! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_option deserialize_unit deserialize_seq
        deserialize_map deserialize_identifier
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_unit_struct(name, Seen::any(visitor))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        if name.starts_with(OWN_NAMES) {
            return self.0.deserialize_newtype_struct(name, visitor);
        }
        self.0.deserialize_newtype_struct(name, Seen::any(visitor))
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        self,
        size: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_tuple(size, Seen::any(visitor))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        size: usize,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0
            .deserialize_tuple_struct(name, size, Seen::any(visitor))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        let seen = Seen {
            visitor,
            fields,
            is_object: true,
        };
        self.0.deserialize_struct(name, fields, seen)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        self.0.deserialize_enum(name, variants, Seen::any(visitor))
    }

    /// What nobody wants is looked at, too.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(Seen::any(visitor))
    }
}

impl<'de, T: DeserializeSeed<'de>> DeserializeSeed<'de> for Strict<T> {
    type Value = T::Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<T::Value, D::Error> {
        self.0.deserialize(Strict(reader))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Strict<A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, A::Error> {
        self.0.next_element_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

/// A visitor of a value whose fields are known, if it has any.
struct Seen<V> {
    visitor: V,
    fields: &'static [&'static str],
    /// Whether its parts have names.
    is_object: bool,
}

impl<V> Seen<V> {
    const fn any(visitor: V) -> Self {
        Self {
            visitor,
            fields: &[],
            is_object: false,
        }
    }
}

macro_rules! visit {
    ($($method:ident($kind:ty))*) => {$(
        fn $method<E: serde::de::Error>(self, value: $kind) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Seen<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visitor.expecting(f)
    }

    visit! {
        visit_bool(bool) visit_i8(i8) visit_i16(i16) visit_i32(i32) visit_i64(i64) visit_i128(i128)
        visit_u8(u8) visit_u16(u16) visit_u32(u32) visit_u64(u64) visit_u128(u128)
        visit_f32(f32) visit_f64(f64) visit_char(char) visit_str(&str) visit_borrowed_str(&'de str)
        visit_string(String) visit_bytes(&[u8]) visit_borrowed_bytes(&'de [u8]) visit_byte_buf(Vec<u8>)
    }

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, reader: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Strict(reader))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, reader: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Strict(reader))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<V::Value, A::Error> {
        if self.is_object {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        }
        self.visitor.visit_seq(Strict(parts))
    }

    fn visit_map<A: MapAccess<'de>>(self, parts: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_map(Object {
            parts,
            fields: self.fields,
            others: HashSet::new(),
        })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, parts: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(parts)
    }
}

/// The keys and values of an object.
struct Object<'de, A> {
    parts: A,
    fields: &'static [&'static str],
    /// Keys that are no fields: of fields serde knows itself whether they came before.
    others: HashSet<Cow<'de, str>>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Object<'de, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some(key) = self.parts.next_key_seed(Key)? else {
            return Ok(None);
        };
        let key: Cow<'de, str> = match field_of(self.fields, &key) {
            Some(field) => Cow::Borrowed(field),
            None if self.others.insert(key.clone()) => key,
            // Not named: it may be anything, somebody's number too.
            None => return Err(A::Error::custom("has a key twice")),
        };
        let key: CowStrDeserializer<'_, A::Error> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.parts.next_value_seed(Strict(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.parts.size_hint()
    }
}

/// The field that a key means: the one written like it, else one that differs in case only.
fn field_of(fields: &'static [&'static str], key: &str) -> Option<&'static str> {
    let exact = fields.iter().find(|field| **field == key);
    exact
        .or_else(|| fields.iter().find(|field| field.eq_ignore_ascii_case(key)))
        .copied()
}

/// Reads a key without copying it, where it is written as it is.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Cow<'de, str>, D::Error> {
        reader.deserialize_str(KeyVisitor(PhantomData))
    }
}

struct KeyVisitor<'de>(PhantomData<&'de str>);

impl<'de> Visitor<'de> for KeyVisitor<'de> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;
    use serde::Deserialize;
    use serde_json::{json, value::RawValue};

    use super::*;
    use crate::models::bad_json;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Place {
        city: String,
        zip: Option<u32>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Body {
        name: String,
        #[serde(rename = "maxTries", alias = "tries")]
        tries: Option<u8>,
        place: Option<Place>,
        places: Vec<Place>,
        more: BTreeMap<String, Value>,
        data: Value,
    }

    #[rstest]
    #[case(r#"{"name":"a","name":"a"}"#)]
    #[case(r#"{"name":"a","NAME":"a"}"#)]
    #[case(r#"{"Name":"a","NAME":"b"}"#)]
    #[case(r#"{"name":"a","n\u0061me":"b"}"#)]
    #[case(r#"{"maxTries":1,"tries":1}"#)]
    #[case(r#"{"unknown":1,"unknown":1}"#)]
    #[case(r#"{"unknown":{"a":1,"a":2}}"#)]
    #[case(r#"{"unknown":[[{"a":1,"a":2}]]}"#)]
    #[case(r#"{"place":{"city":"a","city":"b"}}"#)]
    #[case(r#"{"place":{"x":null,"x":null}}"#)]
    #[case(r#"{"places":[{"city":"a"},{"zip":1,"ZIP":2}]}"#)]
    #[case(r#"{"more":{"a":1,"a":2}}"#)]
    #[case(r#"{"more":{"a":{"b":1,"b":2}}}"#)]
    #[case(r#"{"data":{"a":1,"a":2}}"#)]
    #[case(r#"{"data":[{"a":{"":1,"":2}}]}"#)]
    fn a_key_that_is_there_twice_is_refused(#[case] json: &str) {
        let fault = from_str::<Body>(json).unwrap_err().to_string();
        assert!(
            fault.contains("twice") || fault.contains("duplicate field"),
            "{fault}"
        );
        assert!(fault.contains("at line 1 column"), "{fault}");
        assert!(from_slice::<Body>(json.as_bytes()).is_err());
    }

    #[rstest]
    #[case(r#"[]"#, "it must be a JSON object")]
    #[case(r#"["a"]"#, "it must be a JSON object")]
    #[case(r#"{"place":[]}"#, "place must be an object")]
    #[case(r#"{"PLACE":["sf",94105]}"#, "place must be an object")]
    #[case(r#"{"places":[{"city":"a"},[]]}"#, "places[1] must be an object")]
    fn a_list_is_no_object(#[case] json: &str, #[case] told: &str) {
        let said = bad_json::from_str::<Body>(json).unwrap_err().to_string();
        assert_eq!(said, told);
        let value = serde_json::from_str(json).unwrap();
        let said = bad_json::from_value::<Body>(value).unwrap_err().to_string();
        assert_eq!(said, told);
        assert!(from_slice::<Body>(json.as_bytes()).is_err());
    }

    #[rstest]
    #[case(r#"{"NAME":"x"}"#, "x", None, None)]
    #[case(r#"{"Name":"x","MAXTRIES":3}"#, "x", Some(3), None)]
    #[case(r#"{"maxtries":3}"#, "", Some(3), None)]
    #[case(r#"{"Tries":3}"#, "", Some(3), None)]
    #[case(r#"{"n\u0041ME":"x"}"#, "x", None, None)]
    #[case(r#"{"PLACE":{"City":"c"}}"#, "", None, Some("c"))]
    #[case(r#"{"place":{"CITY":"c","name":1}}"#, "", None, Some("c"))]
    #[case(r#"{" name":"x","ñame":"y"}"#, "", None, None)]
    fn a_key_in_another_case_is_the_field(
        #[case] json: &str,
        #[case] name: &str,
        #[case] tries: Option<u8>,
        #[case] city: Option<&str>,
    ) {
        let body: Body = from_str(json).unwrap();
        assert_eq!(body.name, name);
        assert_eq!(body.tries, tries);
        assert_eq!(body.place.map(|place| place.city).as_deref(), city);
    }

    #[rstest]
    #[case(json!({"name": 1}), Some(1))]
    #[case(json!({"NAME": 1}), Some(1))]
    #[case(json!({"Name": 1, "names": 2}), Some(1))]
    #[case(json!({"names": 2}), None)]
    #[case(json!({}), None)]
    fn a_field_of_an_object_is_found(#[case] object: Value, #[case] value: Option<u64>) {
        let object = object.as_object().unwrap();
        let found = field(object, "name").unwrap();
        assert_eq!(found.and_then(Value::as_u64), value);
    }

    #[test]
    fn a_field_in_two_cases_is_refused() {
        for twice in [json!({"name": 1, "NAME": 1}), json!({"Name": 1, "NAME": 2})] {
            let fault = field(twice.as_object().unwrap(), "name").unwrap_err();
            assert!(fault.to_string().contains("name is there twice"));
        }
    }

    #[test]
    fn keys_of_a_map_are_what_they_are() {
        let body: Body = from_str(r#"{"more":{"a":1,"A":2},"data":{"b":[],"B":{}}}"#).unwrap();
        assert_eq!(body.more.len(), 2);
        assert_eq!(body.data, serde_json::json!({"b": [], "B": {}}));
    }

    #[test]
    fn raw_json_stays_as_it_is_written() {
        #[derive(Deserialize)]
        struct Envelope {
            data: Option<Box<RawValue>>,
        }
        let envelope: Envelope = from_str(r#"{"DATA": {"a":1, "a":2} }"#).unwrap();
        assert_eq!(envelope.data.unwrap().get(), r#"{"a":1, "a":2}"#);
    }

    #[rstest]
    #[case("[1,2.5,-3,true,null,\"é\",{\"a\":{}}]")]
    #[case("{}")]
    #[case("18446744073709551615")]
    fn all_else_is_read_as_ever(#[case] json: &str) {
        let value: Value = serde_json::from_str(json).unwrap();
        assert_eq!(from_str::<Value>(json).unwrap(), value);
    }

    #[rstest]
    #[case("{} {}")]
    #[case("{\"name\":1}")]
    #[case("{\"name\":\"a\",}")]
    #[case("")]
    fn what_is_wrong_is_told_as_ever(#[case] json: &str) {
        let ours = from_str::<Body>(json).unwrap_err().to_string();
        let theirs = serde_json::from_str::<Body>(json).unwrap_err().to_string();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(from_str::<Value>(&deep).is_err());
        assert!(from_str::<Body>(&format!("{{\"unknown\":{deep}}}")).is_err());
    }
}
