//! One row of a list of targets: what its columns may be called, and its destinations as texts.

use bin_common_handler::{
    models::address::{Address, AddressType},
    phone::parse_json,
    table::{Columns, Field, Schema, plain},
};
use serde_json::{Map, Value as Json, json};

/// The columns of an import; every other is ignored, and named in the report.
pub static COLUMNS: Schema = Schema {
    fields: &[
        Field::number(
            "destination_0",
            &[
                "destination",
                "number",
                "phone",
                "phonenumber",
                "telephone",
                "telephonenumber",
                "tel",
                "msisdn",
                "fullnumber",
            ],
        ),
        Field::number("destination_1", &[]),
        Field::number("destination_2", &[]),
        Field::number("destination_3", &[]),
        Field::number("destination_4", &[]),
        Field::of("name", &["fullname"]),
        Field::of("detail", &["details"]),
        Field::of("data", &[]),
        Field::of("key", &[]),
    ],
};

/// The row under the names of a target's fields, with its destinations as addresses.
///
/// # Errors
/// Says which column is wrong, and why.
pub fn read(columns: &Columns, row: &Map<String, Json>) -> Result<Map<String, Json>, String> {
    let mut target = Map::new();
    for (name, value) in row {
        let Some(field) = columns.field(name) else {
            continue;
        };
        let value = match value {
            Json::String(text) if field.is_number && plain(text).is_empty() => continue,
            Json::String(_) | Json::Number(_) if field.is_number => json!(address(name, value)?),
            other => other.clone(),
        };
        target.insert(field.name.to_owned(), value);
    }
    Ok(target)
}

/// `tel:+1415…`, `sip:user@domain` and so on; without a type a phone number.
fn address(name: &str, value: &Json) -> Result<Address, String> {
    let text = value.as_str().map(plain).unwrap_or_default();
    let typed = text.split_once(':').filter(|(kind, _)| {
        let kind = kind.trim();
        !kind.is_empty()
            && kind
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    });
    let (kind, target) = match typed {
        Some((kind, target)) => {
            let kind = Json::String(kind.trim().to_ascii_lowercase());
            let kind = serde_json::from_value(kind).map_err(|_| {
                format!("{name} has an unknown type; write tel:+14155550123 or sip:user@domain")
            })?;
            (kind, target.trim())
        }
        None => (AddressType::Tel, text.as_str()),
    };
    if kind == AddressType::Tel {
        let number = match typed {
            Some(_) => bin_common_handler::phone::parse(target),
            None => parse_json(value),
        };
        let number = number.map_err(|fault| format!("{name} {fault}"))?;
        return Ok(Address {
            kind,
            target: number.as_str().to_owned(),
            ..Address::default()
        });
    }
    let address = Address {
        kind,
        target: target.to_owned(),
        ..Address::default()
    };
    let checked = address.validated(name);
    checked.map_err(|fault| fault.message().trim_end_matches('.').to_owned())
}

#[cfg(test)]
mod tests {
    use bin_common_handler::testing::phones::{REFUSED, TAKEN};
    use rstest::rstest;

    use super::*;

    fn read_json(row: Json) -> Result<Json, String> {
        let row = row.as_object().unwrap();
        let columns = Columns::of_objects(&COLUMNS, std::slice::from_ref(row)).unwrap();
        read(&columns, row).map(Json::Object)
    }

    #[rstest]
    #[case(json!({"destination_0": "+1 (415) 555-0123"}))]
    #[case(json!({"destination_0": "tel:4155550123"}))]
    #[case(json!({"destination_0": " TEL : 4155550123.0 "}))]
    #[case(json!({"Phone Number": "=\"4155550123\"", "colour": "red"}))]
    #[case(json!({"phone": 4_155_550_123_u64}))]
    #[case(json!({"Destination 0": 4_155_550_123.0, "destination_1": " "}))]
    #[case(json!({"destination_0": {"type": "tel", "target": "+14155550123"}}))]
    fn a_row_becomes_a_target(#[case] row: Json) {
        let target = json!({"destination_0": {"type": "tel", "target": "+14155550123"}});
        assert_eq!(read_json(row), Ok(target));
    }

    #[test]
    fn other_addresses_and_texts_are_kept() {
        let row = json!({
            "Destination-1": "SIP:alice@example.com:5070", "NAME": " Ann ", "Key": "7", "data": "{}", "detail": "",
        });
        let target = json!({
            "destination_1": {"type": "sip", "target": "alice@example.com:5070"}, "name": " Ann ", "key": "7",
            "data": "{}", "detail": "",
        });
        assert_eq!(read_json(row), Ok(target));
    }

    #[test]
    fn numbers_are_read_as_everywhere() {
        for (text, number) in TAKEN {
            let target = read_json(json!({"phone": text})).unwrap();
            assert_eq!(target["destination_0"]["target"], *number, "{text:?}");
        }
        for (text, fault) in REFUSED {
            let read = read_json(json!({"phone": text, "name": "x"}));
            match read {
                Ok(target) => assert!(target.get("destination_0").is_none(), "{text:?}"),
                Err(message) => assert_eq!(message, format!("phone {fault}"), "{text:?}"),
            }
        }
    }

    #[rstest]
    #[case(json!({"destination_0": "12345"}), "destination_0 is too short for a phone number")]
    #[case(json!({"destination_1": "sip:alice"}), "destination_1.target must be a SIP URI such as user@domain or sips:user@domain:5061")]
    #[case(json!({"destination_0": "fax:+14155550123"}), "destination_0 has an unknown type; write tel:+14155550123 or sip:user@domain")]
    #[case(json!({"Phone": "020 7946 0958"}), "Phone is not North American; write it in E.164, with + and the country code")]
    fn a_bad_row_is_told_without_its_number(#[case] row: Json, #[case] message: &str) {
        assert_eq!(read_json(row).unwrap_err(), message);
    }
}
