//! An address as a caller writes it, and as it is written.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{
        self, DeserializeSeed, IntoDeserializer, MapAccess, Visitor,
        value::{MapAccessDeserializer, StringDeserializer},
    },
};

use super::{Address, AddressType};

/// Of an address, as the wire has them.
const FIELDS: [&str; 5] = ["type", "target", "target_name", "name", "detail"];

/// As a caller writes it: whatever is null is not there.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Given {
    #[serde(rename = "type")]
    kind: Option<AddressType>,
    target: Option<String>,
    target_name: Option<String>,
    name: Option<String>,
    detail: Option<String>,
}

impl From<Given> for Address {
    fn from(given: Given) -> Self {
        Self {
            kind: given.kind.unwrap_or_default(),
            target: given.target.unwrap_or_default(),
            target_name: given.target_name.unwrap_or_default(),
            name: given.name.unwrap_or_default(),
            detail: given.detail.unwrap_or_default(),
        }
    }
}

impl<'de> Deserialize<'de> for Address {
    /// Fields have names; the derived form would take an array for them in their order.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Address;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("must be an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Address, A::Error> {
                let mut counted = Counted {
                    map,
                    known: 0,
                    others: 0,
                };
                let given = Given::deserialize(MapAccessDeserializer::new(&mut counted))?;
                if counted.known == 0 && counted.others > 0 {
                    // An empty object is no address; one whose every field is misspelt would be lost.
                    return Err(de::Error::custom("must have type and target"));
                }
                Ok(Address::from(given))
            }
        }

        // As a struct, so that a field is found in any case.
        deserializer.deserialize_struct("Address", &FIELDS, Object)
    }
}

/// An object of which is known how many of its fields are an address's.
struct Counted<A> {
    map: A,
    known: usize,
    others: usize,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for &mut Counted<A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, A::Error> {
        let Some(key) = self.map.next_key::<String>()? else {
            return Ok(None);
        };
        if FIELDS.contains(&key.as_str()) {
            self.known += 1;
        } else {
            self.others += 1;
        }
        let key: StringDeserializer<A::Error> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("[]")]
    #[case(r#"["tel","+14155550123"]"#)]
    #[case(r#""tel""#)]
    #[case("7")]
    fn an_address_is_an_object(#[case] text: &str) {
        assert!(serde_json::from_str::<Address>(text).is_err());
    }

    #[test]
    fn nothing_in_an_address_must_be_there() {
        let read: Address =
            serde_json::from_str(r#"{"type":null,"target":null,"name":null,"detail":null}"#)
                .unwrap();
        assert_eq!(read, Address::default());
    }

    #[test]
    fn empty_fields_are_left_out() {
        let address = Address {
            kind: AddressType::Tel,
            target: "+14155550123".into(),
            ..Address::default()
        };
        assert_eq!(
            serde_json::to_string(&address).unwrap(),
            r#"{"type":"tel","target":"+14155550123"}"#
        );
        assert_eq!(serde_json::to_string(&Address::default()).unwrap(), "{}");
        assert_eq!(
            serde_json::from_str::<Address>("{}").unwrap(),
            Address::default()
        );
    }
}
