//! One row of an import, whatever its columns are called, as the fields of a number.

use bin_common_handler::{
    csv::read_cell,
    models::error::Result,
    phone::{PhoneFault, parse_json},
    table::{Columns, plain},
};
use serde_json::{Map, Number, Value as Json};

use crate::{
    models::{check::wrong, didcolumns::ACTIVE, didstatus::DidStatus},
    phone::E164,
};

const WHOLE_NUMBERS: [&str; 6] = [
    "daily_cap",
    "hourly_cap",
    "cooldown_seconds",
    "weight",
    "npa",
    "reputation",
];
const DEGREES: [&str; 2] = ["latitude", "longitude"];
const YES: [&str; 6] = ["y", "yes", "true", "1", "on", "enabled"];
const NO: [&str; 6] = ["n", "no", "false", "0", "off", "disabled"];

/// The number of a row and the other fields it sets; nothing for a row without any text.
///
/// # Errors
/// 400 naming the column, as the caller calls it.
pub(crate) fn read(
    columns: &Columns,
    row: &Map<String, Json>,
) -> Result<Option<(E164, Map<String, Json>)>> {
    if row.values().all(is_blank) {
        return Ok(None);
    }
    let (mut number, mut active, mut fields) = (None, None, Map::new());
    for (name, value) in row {
        let Some(known) = columns.field(name) else {
            continue;
        };
        if known.is_number {
            match parse_json(value) {
                Ok(read) => number = Some(read),
                Err(PhoneFault::Empty) => {}
                Err(fault) => return Err(wrong(name, &fault.to_string())),
            }
        } else if is_blank(value) {
            // A blank cell says nothing: the field has its default.
        } else if known.name == ACTIVE {
            active = Some(flag(name, value)?);
        } else {
            fields.insert(known.name.to_owned(), field(name, known.name, value)?);
        }
    }
    let number = number.ok_or_else(|| wrong("the row", "holds no phone number"))?;
    if let Some(active) = active {
        obey(active, &mut fields)?;
    }
    fields.insert("number".to_owned(), number.as_str().into());
    Ok(Some((number, fields)))
}

fn is_blank(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => plain(text).is_empty(),
        _ => false,
    }
}

/// A status column says more than yes or no, and must not say the contrary.
fn obey(active: bool, fields: &mut Map<String, Json>) -> Result<()> {
    let status = fields.get("status").and_then(Json::as_str);
    match status.and_then(DidStatus::parse) {
        Some(status) if status.is_usable() == active => {}
        Some(_) => return Err(wrong(ACTIVE, "and status contradict each other")),
        None => {
            let status = if active {
                DidStatus::Active
            } else {
                DidStatus::Inactive
            };
            fields.insert("status".to_owned(), status.as_str().into());
        }
    }
    Ok(())
}

fn flag(name: &str, value: &Json) -> Result<bool> {
    let word = word(value);
    let is =
        |words: &[&str], other: DidStatus| words.contains(&word.as_str()) || word == other.as_str();
    if is(&YES, DidStatus::Active) {
        Ok(true)
    } else if is(&NO, DidStatus::Inactive) {
        Ok(false)
    } else {
        Err(wrong(name, "must be Y or N"))
    }
}

fn status(name: &str, value: &Json) -> Result<Json> {
    let known = DidStatus::parse(&word(value));
    let known = known.or_else(|| match flag(name, value) {
        Ok(true) => Some(DidStatus::Active),
        Ok(false) => Some(DidStatus::Inactive),
        Err(_) => None,
    });
    let known = known.ok_or_else(|| {
        let all: Vec<_> = DidStatus::ALL.iter().map(|it| it.as_str()).collect();
        wrong(name, &format!("must be one of {}", all.join(", ")))
    })?;
    Ok(known.as_str().into())
}

fn word(value: &Json) -> String {
    text_of(value).map_or_else(String::new, |text| plain(&text).to_lowercase())
}

fn text_of(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(_) | Json::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

fn field(name: &str, field: &str, value: &Json) -> Result<Json> {
    if field == "status" {
        return status(name, value);
    }
    if WHOLE_NUMBERS.contains(&field) {
        return whole_number(name, value);
    }
    if DEGREES.contains(&field) {
        let degrees = word(value).parse().ok().and_then(Number::from_f64);
        return degrees
            .map(Json::Number)
            .ok_or_else(|| wrong(name, "must be a number"));
    }
    if field == "tags" {
        return tags(name, value);
    }
    let text = text_of(value).ok_or_else(|| wrong(name, "must be a text"))?;
    Ok(read_cell(text.trim()).into_owned().into())
}

/// `40`, also as the float 40.0 of some program.
fn whole_number(name: &str, value: &Json) -> Result<Json> {
    let word = word(value);
    let whole = match word.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => word.as_str(),
    };
    let number = whole.parse::<i32>();
    number
        .map(Json::from)
        .map_err(|_| wrong(name, "must be a whole number"))
}

/// A JSON list, or texts between semicolons.
fn tags(name: &str, value: &Json) -> Result<Json> {
    if value.is_array() {
        return Ok(value.clone());
    }
    let text = text_of(value).ok_or_else(|| wrong(name, "must be a list of texts"))?;
    let text = read_cell(text.trim());
    Ok(serde_json::from_str::<Vec<String>>(&text).map_or_else(
        |_| text.split(';').map(|tag| Json::from(tag.trim())).collect(),
        Json::from,
    ))
}

#[cfg(test)]
mod tests {
    use bin_common_handler::testing::phones::{REFUSED, TAKEN};
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::models::didcolumns::COLUMNS;

    fn read_json(row: Json) -> Result<Option<(E164, Map<String, Json>)>> {
        let row = row.as_object().unwrap();
        let columns = Columns::of_objects(&COLUMNS, std::slice::from_ref(row))?;
        read(&columns, row)
    }

    #[rstest]
    #[case(json!({"phoneNumber": "4155550123"}))]
    #[case(json!({"cid": "4155550123"}))]
    #[case(json!({"Caller ID": "4155550123", "Agent Cell": "2125550507"}))]
    #[case(json!({"DID": "4155550123", "Account": "9312436009"}))]
    #[case(json!({"PhoneNumber": 4155550123_u64}))]
    #[case(json!({"PhoneNumber": 4155550123.0}))]
    #[case(json!({"0": "x", "1": "(415) 555-0123"}))]
    #[case(json!({"name": "x", "tel": "+1 415 555 0123"}))]
    fn the_number_is_found(#[case] row: Json) {
        let (number, fields) = read_json(row).unwrap().unwrap();
        assert_eq!(number.as_str(), "+14155550123");
        assert_eq!(fields.get("number"), Some(&json!("+14155550123")));
    }

    #[test]
    fn numbers_are_read_as_everywhere() {
        for (text, number) in TAKEN {
            let (read, _) = read_json(json!({"cid": text, "city": "x"}))
                .unwrap()
                .unwrap();
            assert_eq!(read.as_str(), *number, "{text:?}");
        }
        for (text, fault) in REFUSED
            .iter()
            .filter(|(_, fault)| *fault != PhoneFault::Empty)
        {
            let error = read_json(json!({"cid": text, "city": "x"})).unwrap_err();
            assert_eq!(error.message(), format!("cid {fault}."), "{text:?}");
        }
    }

    #[rstest]
    #[case(json!({"Status": "Inactive"}), "inactive")]
    #[case(json!({"STATUS": "ACTIVE "}), "active")]
    #[case(json!({"status": "N"}), "inactive")]
    #[case(json!({"status": "disabled"}), "inactive")]
    #[case(json!({"status": "=\"Inactive\""}), "inactive")]
    #[case(json!({"status": "Warming"}), "warming")]
    #[case(json!({"active": "N"}), "inactive")]
    #[case(json!({"Active": "y"}), "active")]
    #[case(json!({"active": "No"}), "inactive")]
    #[case(json!({"active": "FALSE"}), "inactive")]
    #[case(json!({"active": false}), "inactive")]
    #[case(json!({"active": 0}), "inactive")]
    #[case(json!({"active": "1"}), "active")]
    #[case(json!({"enabled": "true"}), "active")]
    #[case(json!({"active": "Inactive"}), "inactive")]
    #[case(json!({"active": "Y", "status": "warming"}), "warming")]
    #[case(json!({"active": "N", "status": ""}), "inactive")]
    #[case(json!({"active": "N", "status": "flagged"}), "flagged")]
    fn what_a_file_says_of_the_status_is_obeyed(#[case] mut row: Json, #[case] status: &str) {
        row["cid"] = json!("4155550123");
        let (_, fields) = read_json(row).unwrap().unwrap();
        assert_eq!(fields.get("status"), Some(&json!(status)));
        assert!(!fields.contains_key("active"));
    }

    #[rstest]
    #[case(json!({"Daily Cap": "40"}), "daily_cap", 40)]
    #[case(json!({"capacity": "40.0"}), "daily_cap", 40)]
    #[case(json!({"max calls": 40.0}), "daily_cap", 40)]
    #[case(json!({"DAILY_LIMIT": " 40 "}), "daily_cap", 40)]
    #[case(json!({"hourly-cap": 4}), "hourly_cap", 4)]
    #[case(json!({"Calls per Hour": "4"}), "hourly_cap", 4)]
    #[case(json!({"cooldown": "60"}), "cooldown_seconds", 60)]
    fn what_a_file_says_of_caps_is_obeyed(
        #[case] mut row: Json,
        #[case] field: &str,
        #[case] cap: i32,
    ) {
        row["cid"] = json!("4155550123");
        let (_, fields) = read_json(row).unwrap().unwrap();
        assert_eq!(fields.get(field), Some(&json!(cap)));
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
    #[case(json!({"phoneNumber": "12"}), "phoneNumber is too short for a phone number.")]
    #[case(json!({"0": "hello"}), "the row holds no phone number.")]
    #[case(json!({"cid": "", "cell": "2125550507"}), "the row holds no phone number.")]
    #[case(json!({"cid": "4155550123", "capacity": "many"}), "capacity must be a whole number.")]
    #[case(json!({"cid": "4155550123", "Daily Cap": 4.5}), "Daily Cap must be a whole number.")]
    #[case(json!({"cid": "4155550123", "hourly_cap": true}), "hourly_cap must be a whole number.")]
    #[case(json!({"cid": "4155550123", "active": "maybe"}), "active must be Y or N.")]
    #[case(json!({"cid": "4155550123", "active": "N", "status": "active"}), "active and status contradict each other.")]
    #[case(json!({"cid": "4155550123", "Status": "gone"}), "Status must be one of active, warming, resting, probation, flagged, retired, inactive.")]
    #[case(json!({"cid": "4155550123", "lat": "north"}), "lat must be a number.")]
    #[case(json!({"cid": "4155550123", "carrier": {}}), "carrier must be a text.")]
    #[case(json!({"cid": "4155550123", "tags": {}}), "tags must be a list of texts.")]
    fn a_row_that_cannot_be_read_says_why(#[case] row: Json, #[case] message: &str) {
        let error = read_json(row).unwrap_err();
        assert_eq!(
            (error.reason(), error.message()),
            ("INVALID_FIELD", message)
        );
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
