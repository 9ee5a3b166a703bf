//! What is wrong with some JSON, in words for whoever sent it: the field, and what belongs there.
//!
//! Never the value: it may be somebody's phone number. Never the library's words, which speak of this program's
//! types.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Number, Value, error::Category};

use super::json::{self, Strict};

/// Longest name of a field that is repeated; what is longer is no name of ours.
const NAME_MAX: usize = 64;
/// Whole numbers that a floating point number holds exactly.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Why some JSON was refused. `Display` is a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadJson(String);

impl fmt::Display for BadJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadJson {}

/// Reads JSON to the letter (see [`json`]). `3.0` is taken for 3 where a whole number belongs: not every language tells them apart.
///
/// # Errors
/// Naming the field and what belongs there.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, BadJson> {
    let fault = match json::from_str(text) {
        Ok(read) => return Ok(read),
        Err(fault) => fault,
    };
    if is_fraction(&fault)
        && let Ok(mut value) = json::from_str(text)
    {
        without_fractions(&mut value);
        return from_value(value);
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    Err(located(
        serde_path_to_error::deserialize::<_, T>(Strict(&mut reader)),
        &fault,
    ))
}

/// As [`from_str`], of what is parsed already.
///
/// # Errors
/// Naming the field and what belongs there.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, BadJson> {
    let mut value = value;
    let fault = match T::deserialize(Strict(&value)) {
        Ok(read) => return Ok(read),
        Err(fault) => fault,
    };
    if is_fraction(&fault) {
        without_fractions(&mut value);
    }
    match serde_path_to_error::deserialize::<_, T>(Strict(&value)) {
        Ok(read) => Ok(read),
        again => Err(located(again, &fault)),
    }
}

fn located<T>(
    again: Result<T, serde_path_to_error::Error<serde_json::Error>>,
    fault: &serde_json::Error,
) -> BadJson {
    BadJson(again.err().map_or_else(
        || sentence(fault, ""),
        |error| sentence(error.inner(), &path(error.path())),
    ))
}

/// Says what is wrong at `path`, which is empty for the whole.
pub fn sentence(fault: &serde_json::Error, path: &str) -> String {
    let text = fault.to_string();
    let text = match text.rsplit_once(" at line ") {
        Some((text, _)) => text,
        None => &text,
    };
    match fault.classify() {
        Category::Data => data(text, path),
        Category::Eof => "it is not JSON: it ends too early".to_owned(),
        Category::Io => "it could not be read".to_owned(),
        Category::Syntax => {
            let why = if text.starts_with("recursion") {
                "it is nested too deep"
            } else if text.starts_with("number out of range") {
                "a number is too large"
            } else if text.starts_with("trailing characters") {
                "something follows its end"
            } else {
                "something else belongs"
            };
            let place = match (fault.line(), fault.column()) {
                (0, _) => String::new(),
                (1, column) => format!(" at character {column}"),
                (line, column) => format!(" in line {line}, character {column}"),
            };
            format!("it is not JSON: {why}{place}")
        }
    }
}

/// A value of the wrong kind, or a field too many or too few.
fn data(text: &str, path: &str) -> String {
    let whole = path.is_empty();
    if let Some(name) = quoted(text, "missing field ") {
        let name = if whole {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        };
        return format!("{name} is missing");
    }
    if let Some(name) = quoted(text, "duplicate field ") {
        return format!("{name} is there twice");
    }
    if let Some((said, known)) = text.rsplit_once(", expected ") {
        let known = known
            .trim_start_matches("one of ")
            .replace(" or ", ", ")
            .replace('`', "");
        if said.starts_with("unknown field") {
            let name = if whole { "a field" } else { path };
            return format!("{name} is not known; known are {known}");
        }
        if said.starts_with("unknown variant") {
            return field(path, &format!("must be one of {known}"));
        }
        return field(path, &wanted(said, &known, whole));
    }
    // Ours begin so; whatever else is said is the library's.
    if ["must ", "is ", "has "]
        .iter()
        .any(|start| text.starts_with(start))
    {
        return field(path, text);
    }
    field(path, "is not right")
}

fn field(path: &str, what: &str) -> String {
    let name = if path.is_empty() { "it" } else { path };
    format!("{name} {what}")
}

/// What belongs there, from the library's name for it.
fn wanted(said: &str, expected: &str, whole: bool) -> String {
    if expected.starts_with("must ") {
        return expected.to_owned();
    }
    let first = expected.split(' ').next().unwrap_or_default();
    let what = match first {
        "struct" if whole => "must be a JSON object",
        "struct" => "must be an object",
        "u8" | "u16" | "u32" | "u64" | "usize" if said.starts_with("invalid value") => {
            match first {
                "u8" => "must be a whole number from 0 to 255",
                "u32" => "must be a whole number from 0 to 4294967295",
                _ => "must be a whole number from 0, and not as large",
            }
        }
        "i32" if said.starts_with("invalid value") => {
            "must be a whole number from -2147483648 to 2147483647"
        }
        "i8" | "i16" | "i32" | "i64" | "isize" | "u8" | "u16" | "u32" | "u64" | "usize" => {
            "must be a whole number"
        }
        "f32" | "f64" => "must be a number",
        _ => match expected {
            "a map" | "map" if whole => "must be a JSON object",
            "a map" | "map" => "must be an object",
            "a boolean" => "must be true or false",
            "a sequence" => "must be a list",
            "a string" | "string" | "a borrowed string" | "a character" => "must be a text",
            _ if said.starts_with("invalid length") => "has a wrong number of entries",
            _ => "is not right",
        },
    };
    what.to_owned()
}

/// The name in backticks that follows `start`, as one of ours would be written.
fn quoted<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    let name = text.strip_prefix(start)?.trim_matches('`');
    Some(if is_name(name) { name } else { "a field" })
}

/// Where it is, e.g. `rows[3].name`. A key that may be anything is not repeated.
fn path(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;

    let mut text = String::new();
    for segment in path {
        match segment {
            Segment::Seq { index } => text.push_str(&format!("[{index}]")),
            Segment::Map { key } if is_name(key) => {
                if !text.is_empty() {
                    text.push('.');
                }
                text.push_str(key);
            }
            Segment::Map { .. } | Segment::Enum { .. } | Segment::Unknown => break,
        }
    }
    text
}

fn is_name(text: &str) -> bool {
    text.len() <= NAME_MAX
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn is_fraction(fault: &serde_json::Error) -> bool {
    fault.is_data()
        && fault
            .to_string()
            .starts_with("invalid type: floating point")
}

/// Writes `3.0` as `3`, everywhere.
fn without_fractions(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_fractions),
        Value::Object(fields) => fields.values_mut().for_each(without_fractions),
        Value::Number(number) => {
            if let Some(whole) = whole(number) {
                *number = whole;
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn whole(number: &Number) -> Option<Number> {
    let float = number.as_f64().filter(|_| number.is_f64())?;
    if float.fract() != 0.0 || float.abs() > EXACT_MAX {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "a whole number in range")]
    Some(Number::from(float as i64))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;
    use serde::Deserialize;

    use super::*;
    use crate::text_enum;

    text_enum!(
        /// How warm.
        pub enum Heat {
            /// Not at all.
            Cold = "cold",
            /// Much.
            Hot = "hot",
        }
    );

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Idle,
        Done,
    }

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        name: String,
        count: Option<i32>,
        many: Option<u8>,
        ratio: f64,
        flag: bool,
        heat: Option<Heat>,
        word: Option<Word>,
        list: Vec<i32>,
        inner: Option<Box<Sample>>,
        by_key: BTreeMap<String, i32>,
        pair: Option<(i32, i32)>,
    }

    #[derive(Debug, Deserialize)]
    struct Needs {
        #[serde(rename = "id")]
        _id: i32,
    }

    #[rstest]
    #[case(r#"{"name":4155550123}"#, "name must be a text")]
    #[case(r#"{"name":{"a":4155550123}}"#, "name must be a text")]
    #[case(r#"{"name":["4155550123"]}"#, "name must be a text")]
    #[case(r#"{"count":"4155550123"}"#, "count must be a whole number")]
    #[case(
        r#"{"count":"a\", expected \"b 4155550123"}"#,
        "count must be a whole number"
    )]
    #[case(r#"{"count":1.5}"#, "count must be a whole number")]
    #[case(
        r#"{"count":4155550123}"#,
        "count must be a whole number from -2147483648 to 2147483647"
    )]
    #[case(r#"{"many":-1}"#, "many must be a whole number from 0 to 255")]
    #[case(r#"{"many":true}"#, "many must be a whole number")]
    #[case(r#"{"ratio":"4155550123"}"#, "ratio must be a number")]
    #[case(r#"{"flag":1}"#, "flag must be true or false")]
    #[case(r#"{"heat":"4155550123"}"#, "heat must be one of cold, hot")]
    #[case(r#"{"heat":5}"#, "heat must be one of cold, hot")]
    #[case(r#"{"word":"4155550123"}"#, "word must be one of idle, done")]
    #[case(r#"{"list":{}}"#, "list must be a list")]
    #[case(r#"{"list":[1,"4155550123"]}"#, "list[1] must be a whole number")]
    #[case(r#"{"inner":"4155550123"}"#, "inner must be an object")]
    #[case(r#"{"inner":{"inner":{"name":1}}}"#, "inner.inner.name must be a text")]
    #[case(r#"{"by_key":{"4155550123":"x"}}"#, "by_key must be a whole number")]
    #[case(r#"{"pair":[1]}"#, "pair has a wrong number of entries")]
    #[case(r#"{"name":"a","name":"b"}"#, "name is there twice")]
    #[case(r#""4155550123""#, "it must be a JSON object")]
    #[case("null", "it must be a JSON object")]
    #[case("4155550123", "it must be a JSON object")]
    #[case("{bad", "it is not JSON: something else belongs at character 2")]
    #[case(
        r#"{"count" 4155550123}"#,
        "it is not JSON: something else belongs at character 10"
    )]
    #[case(
        "{\"many\":1,\n}",
        "it is not JSON: something else belongs in line 2, character 1"
    )]
    #[case(r#"{"name":"#, "it is not JSON: it ends too early")]
    #[case(
        "{} 4155550123",
        "it is not JSON: something follows its end at character 4"
    )]
    #[case(
        r#"{"ratio":1e999}"#,
        "it is not JSON: a number is too large at character 14"
    )]
    fn bad_json_is_told_in_our_words_without_the_value(#[case] json: &str, #[case] told: &str) {
        let bad = from_str::<Sample>(json).unwrap_err().to_string();
        assert_eq!(bad, told);
        assert!(!bad.contains("4155550123"), "{bad}");
    }

    #[test]
    fn what_is_missing_or_not_known_is_told() {
        let missing = from_str::<Needs>("{}").unwrap_err();
        assert_eq!(missing.to_string(), "id is missing");
        let missing = from_str::<Vec<Needs>>(r#"[{"id":1},{}]"#).unwrap_err();
        assert_eq!(missing.to_string(), "[1].id is missing");
        let unknown = from_str::<Sample>(r#"{"4155550123":1}"#)
            .unwrap_err()
            .to_string();
        assert!(
            unknown.starts_with("a field is not known; known are name, "),
            "{unknown}"
        );
    }

    #[rstest]
    #[case(r#"{"count":3.0,"list":[1.0,2],"ratio":1.0}"#)]
    #[case(r#"{"count":3e0,"list":[10e-1,2.00],"ratio":1}"#)]
    #[case(r#"{"count":3,"list":[1,2],"ratio":1.0,"by_key":{"a":7.0}}"#)]
    fn a_whole_number_may_have_a_fraction_of_zero(#[case] json: &str) {
        for read in [
            from_str::<Sample>(json).unwrap(),
            from_value(serde_json::from_str(json).unwrap()).unwrap(),
        ] {
            assert_eq!((read.count, read.list), (Some(3), vec![1, 2]));
            assert!((read.ratio - 1.0).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn the_library_is_read_even_where_it_says_nothing_new() {
        let read = from_str::<Sample>(r#"{"word":"idle","heat":"hot","flag":true}"#).unwrap();
        assert!(matches!(read.word, Some(Word::Idle)) && read.flag && read.inner.is_none());
        assert!(read.many.is_none() && read.pair.is_none() && read.name.is_empty());
        assert_eq!(read.heat, Some(Heat::Hot));
        assert!(matches!(from_str::<Word>(r#""done""#), Ok(Word::Done)));
    }
}
