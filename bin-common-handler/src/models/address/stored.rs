//! An address in a JSON column, whoever wrote it.

use serde_json::Value;

use super::{Address, AddressType};
use crate::databasehandler::{StoredJson, lasting};

impl StoredJson for Address {
    /// Fields that are no text are empty; an unknown type is passed on, and `{}` is no address.
    fn stored_json(value: Value) -> Result<Option<Self>, Option<Self>> {
        let Value::Object(fields) = value else {
            return Err(None);
        };
        let mut understood = true;
        let mut text = |name: &str| match fields.get(name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(_) => {
                understood = false;
                String::new()
            }
        };
        let kind = text("type");
        let mut address = Self {
            kind: AddressType::None,
            target: text("target"),
            target_name: text("target_name"),
            name: text("name"),
            detail: text("detail"),
        };
        address.kind = AddressType::parse(&kind).unwrap_or_else(|| {
            understood = false;
            AddressType::Other(lasting(&kind))
        });
        let address = Some(address).filter(|address| *address != Self::default());
        if understood {
            Ok(address)
        } else {
            Err(address)
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn stored(text: &str) -> Result<Option<Address>, Option<Address>> {
        Address::stored_json(serde_json::from_str(text).unwrap())
    }

    #[rstest]
    #[case("{}")]
    #[case(r#"{"type":"","target":""}"#)]
    #[case(r#"{"type":null,"target":null,"name":null}"#)]
    fn an_address_without_anything_is_none(#[case] text: &str) {
        assert_eq!(stored(text), Ok(None));
    }

    #[rstest]
    #[case(r#""tel""#)]
    #[case("7")]
    #[case("[]")]
    #[case("true")]
    fn what_is_no_object_is_no_address(#[case] text: &str) {
        assert_eq!(stored(text), Err(None));
    }

    #[rstest]
    #[case(r#"{"type":"fax","target":"1"}"#, "fax", "1")]
    #[case(r#"{"type":"TEL","target":"1"}"#, "TEL", "1")]
    #[case(r#"{"type":"tel","target":14155550123}"#, "tel", "")]
    #[case(r#"{"type":{"a":1},"target":"1"}"#, "", "1")]
    fn what_is_odd_in_an_address_is_passed_on_or_left_out(
        #[case] text: &str,
        #[case] kind: &str,
        #[case] target: &str,
    ) {
        let address = stored(text).unwrap_err().unwrap();
        assert_eq!(
            (address.kind.as_str(), address.target.as_str()),
            (kind, target)
        );
    }
}
