//! One row of an import, whatever its columns are called, as the fields of a number.

use bin_common_handler::{models::error::Result, resource::Resource};
use serde_json::{Map, Number, Value as Json};

use crate::{
    csv::read_cell,
    models::{check::wrong, did::Did},
    phone::E164,
};

/// What the column of the number may be called; after these, the first cell that looks like one.
const NUMBER_COLUMNS: [&str; 7] = [
    "number",
    "phoneNumber",
    "PhoneNumber",
    "phone_number",
    "phonenumber",
    "cid",
    "did",
];
const NUMERIC_FIELDS: [&str; 8] = [
    "daily_cap",
    "hourly_cap",
    "cooldown_seconds",
    "weight",
    "npa",
    "latitude",
    "longitude",
    "reputation",
];

/// The number of a row and the other fields it sets; nothing for a row without any text.
pub(crate) fn read(row: &Map<String, Json>) -> Result<Option<(E164, Map<String, Json>)>> {
    if row.values().all(is_blank) {
        return Ok(None);
    }
    let number = number(row).ok_or_else(|| wrong("the row", "holds no phone number"))?;
    let mut fields = Map::new();
    for (name, value) in row {
        let name = if name == "capacity" {
            "daily_cap"
        } else {
            name.as_str()
        };
        // A blank cell says nothing: the field has its default.
        if name == "number" || is_blank(value) || !Did::FIELDS.contains(&name) {
            continue;
        }
        fields.insert(name.to_owned(), field(name, value)?);
    }
    fields.insert("number".to_owned(), number.as_str().into());
    Ok(Some((number, fields)))
}

fn is_blank(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn number(row: &Map<String, Json>) -> Option<E164> {
    let named = NUMBER_COLUMNS.iter().find_map(|name| row.get(*name));
    match named.filter(|value| !is_blank(value)) {
        Some(value) => parse(value),
        None => row.values().find_map(parse),
    }
}

fn parse(value: &Json) -> Option<E164> {
    match value {
        Json::String(text) => E164::parse(text),
        Json::Number(number) => E164::parse(&number.to_string()),
        _ => None,
    }
}

fn field(name: &str, value: &Json) -> Result<Json> {
    let Json::String(text) = value else {
        return Ok(value.clone());
    };
    let cell = read_cell(text.trim());
    let text: &str = &cell;
    if name == "tags" {
        return Ok(tags(text));
    }
    if name == "status" {
        return Ok(text.to_ascii_lowercase().into());
    }
    if !NUMERIC_FIELDS.contains(&name) {
        return Ok(text.into());
    }
    let number = text.parse::<i64>().ok().map(Number::from);
    number
        .or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
        .map(Json::Number)
        .ok_or_else(|| wrong(name, "must be a number"))
}

/// A JSON list, or texts between semicolons.
fn tags(text: &str) -> Json {
    serde_json::from_str::<Vec<String>>(text).map_or_else(
        |_| text.split(';').map(|tag| Json::from(tag.trim())).collect(),
        Json::from,
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn read_json(row: Json) -> Result<Option<(E164, Map<String, Json>)>> {
        read(row.as_object().unwrap())
    }

    #[rstest]
    #[case(json!({"phoneNumber": "4155550123"}))]
    #[case(json!({"cid": "4155550123"}))]
    #[case(json!({"PhoneNumber": 4155550123_u64}))]
    #[case(json!({"0": "x", "1": "(415) 555-0123"}))]
    #[case(json!({"name": "x", "tel": "+1 415 555 0123"}))]
    fn the_number_is_found(#[case] row: Json) {
        let (number, fields) = read_json(row).unwrap().unwrap();
        assert_eq!(number.as_str(), "+14155550123");
        assert_eq!(fields.get("number"), Some(&json!("+14155550123")));
    }

    #[test]
    fn cells_become_fields_and_blank_ones_do_not() {
        let row = json!({
            "cid": "4155550123", "capacity": "40", "status": "Inactive", "carrier": " ", "latitude": "37.5",
            "tags": "a; b", "description": "'=1", "other": "x",
        });
        let (_, fields) = read_json(row).unwrap().unwrap();
        let expected = json!({
            "number": "+14155550123", "daily_cap": 40, "status": "inactive", "latitude": 37.5,
            "tags": ["a", "b"], "description": "=1",
        });
        assert_eq!(Json::Object(fields), expected);
    }

    #[rstest]
    #[case(json!({"phoneNumber": "12"}))]
    #[case(json!({"0": "hello"}))]
    #[case(json!({"cid": "4155550123", "capacity": "many"}))]
    fn a_row_that_cannot_be_read_says_why(#[case] row: Json) {
        assert_eq!(read_json(row).unwrap_err().reason(), "INVALID_FIELD");
    }

    #[test]
    fn a_row_without_text_is_passed_over() {
        assert!(
            read_json(json!({"cid": " ", "status": null}))
                .unwrap()
                .is_none()
        );
    }
}
