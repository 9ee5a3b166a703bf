//! One field of an answer, by its path: `id`, `endpoint.url`, `0.id` of a list. It is found in the answer's text, so that
//! numbers keep their digits.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::output;

/// Longest path, in steps.
const STEPS_MAX: usize = 16;
/// Names that an error tells.
const NAMES_MAX: usize = 40;

/// A path to a field: names of fields, and places in lists from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath(Vec<String>);

/// Reads a path: its steps, with dots between them.
///
/// # Errors
/// In words for whoever wrote it.
pub fn parse(text: &str) -> Result<FieldPath, String> {
    let steps: Vec<String> = text
        .split('.')
        .take(STEPS_MAX + 1)
        .map(str::to_owned)
        .collect();
    if steps.iter().any(String::is_empty) {
        return Err("write a name such as id, or endpoint.url for a field of a field".to_owned());
    }
    if steps.len() > STEPS_MAX {
        return Err(format!("it has more than {STEPS_MAX} steps"));
    }
    Ok(FieldPath(steps))
}

impl FieldPath {
    /// The field of this answer: a text as it is, anything else as JSON.
    ///
    /// # Errors
    /// Which step leads nowhere, and what there is in its place.
    pub fn find(&self, answer: &str) -> Result<String, String> {
        let mut at: &RawValue = read(answer)?;
        for (depth, step) in self.0.iter().enumerate() {
            at = enter(at, step)
                .map_err(|why| format!("no field '{step}' in {}: {why}", self.place(depth)))?;
        }
        if at.get().starts_with('"') {
            return read(at.get());
        }
        Ok(output::pretty(at.get()))
    }

    /// What the first steps lead to.
    fn place(&self, depth: usize) -> String {
        let steps: Vec<&str> = self.0.iter().take(depth).map(String::as_str).collect();
        if steps.is_empty() {
            return "the answer".to_owned();
        }
        format!("'{}'", steps.join("."))
    }
}

/// One step further; else what there is.
fn enter<'j>(at: &'j RawValue, step: &str) -> Result<&'j RawValue, String> {
    let text = at.get();
    if text.starts_with('{') {
        let fields: BTreeMap<String, &'j RawValue> = read(text)?;
        let found = fields.get(step).copied();
        return found.ok_or_else(|| names(&fields));
    }
    if text.starts_with('[') {
        let entries: Vec<&'j RawValue> = read(text)?;
        let index = step.parse::<usize>().ok();
        let found = index.and_then(|index| entries.get(index).copied());
        return found.ok_or_else(|| places(entries.len()));
    }
    Err("it has no fields".to_owned())
}

fn names(fields: &BTreeMap<String, &RawValue>) -> String {
    if fields.is_empty() {
        return "it has no fields".to_owned();
    }
    let known = fields.keys().take(NAMES_MAX);
    let known: Vec<String> = known.map(|name| output::printable(name)).collect();
    let more = match fields.len().saturating_sub(NAMES_MAX) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("there are {}{more}", known.join(", "))
}

fn places(count: usize) -> String {
    match count {
        0 => "it is an empty list".to_owned(),
        1 => "it is a list of one, whose place is 0".to_owned(),
        _ => format!("it is a list, with places 0 to {}", count - 1),
    }
}

fn read<'j, T: Deserialize<'j>>(text: &'j str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|_| "the answer is not JSON".to_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ANSWER: &str = r#"{"id":"5b1a","name":"a \"b\"","amount":1.10,"endpoint":{"url":"http://x"},"numbers":[{"id":7}],"tags":[],"none":null}"#;

    #[rstest]
    #[case("id", "5b1a")]
    #[case("name", "a \"b\"")]
    #[case("amount", "1.10")]
    #[case("endpoint.url", "http://x")]
    #[case("endpoint", "{\n  \"url\": \"http://x\"\n}")]
    #[case("numbers.0.id", "7")]
    #[case("none", "null")]
    fn a_text_comes_bare_and_anything_else_as_json(#[case] path: &str, #[case] expected: &str) {
        assert_eq!(parse(path).unwrap().find(ANSWER).unwrap(), expected);
    }

    #[rstest]
    #[case(
        "ids",
        "no field 'ids' in the answer: there are amount, endpoint, id, name, none, numbers, tags"
    )]
    #[case("endpoint.id", "no field 'id' in 'endpoint': there are url")]
    #[case(
        "numbers.id",
        "no field 'id' in 'numbers': it is a list of one, whose place is 0"
    )]
    #[case("numbers.0.url", "no field 'url' in 'numbers.0': there are id")]
    #[case("tags.0", "no field '0' in 'tags': it is an empty list")]
    #[case("id.x", "no field 'x' in 'id': it has no fields")]
    #[case("none.x", "no field 'x' in 'none': it has no fields")]
    fn a_step_that_leads_nowhere_is_told_with_what_there_is(
        #[case] path: &str,
        #[case] expected: &str,
    ) {
        assert_eq!(parse(path).unwrap().find(ANSWER).unwrap_err(), expected);
    }

    #[test]
    fn an_error_tells_so_many_names_and_no_more() {
        let many: BTreeMap<String, u32> = (0..50).map(|n| (format!("f{n:02}"), n)).collect();
        let many = serde_json::to_string(&many).unwrap();
        let told = parse("x").unwrap().find(&many).unwrap_err();
        assert!(told.ends_with("f38, f39 and 10 more"), "{told}");
        let list = parse("x").unwrap().find("[1,2,3]").unwrap_err();
        assert!(list.ends_with("it is a list, with places 0 to 2"), "{list}");
    }

    #[rstest]
    #[case("")]
    #[case("a..b")]
    #[case(".a")]
    #[case("a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a")]
    fn what_is_no_path_is_refused(#[case] path: &str) {
        assert!(parse(path).is_err());
    }
}
