//! What a profile asks of a call's tags.

use std::{collections::BTreeMap, sync::Arc};

use bin_common_handler::models::check::plain;
use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

/// Bytes of a key or a value that a profile names.
const TEXT_MAX: usize = 256;
/// Bytes of a call's value that a pattern looks at: longer ones match nothing.
const VALUE_MAX: usize = 1_024;
/// Bytes that a compiled pattern may take; a match takes time linear in the value whatever the pattern.
const PATTERN_BYTES_MAX: usize = 64 * 1_024;

/// How a tag is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TagOp {
    /// The same text.
    Eq,
    /// Another text, or no such tag.
    Ne,
    /// The pattern is found somewhere in the text; `^…$` for the whole.
    Match,
    /// A smaller number.
    Lt,
    /// A larger number.
    Gt,
}

impl TagOp {
    /// As a sentence has it, between the tag and the value.
    pub(super) const fn in_words(self) -> &'static str {
        match self {
            Self::Eq => "equal to",
            Self::Ne => "other than",
            Self::Match => "like",
            Self::Lt => "below",
            Self::Gt => "above",
        }
    }
}

/// One condition on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TagSpec {
    /// The tag's name.
    pub key: String,
    /// How it is compared.
    pub op: TagOp,
    /// With what: a text, a regular expression or a decimal number.
    pub value: String,
}

/// One condition, ready for calls.
#[derive(Debug, Clone)]
pub struct TagRule {
    spec: Arc<TagSpec>,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Equal,
    Unequal,
    Pattern(Regex),
    Below(f64),
    Above(f64),
}

impl TagRule {
    /// Reads the condition; its pattern is compiled here, once.
    ///
    /// # Errors
    /// The field that is wrong, and what is wrong with it.
    pub fn new(spec: TagSpec) -> Result<Self, (&'static str, &'static str)> {
        if spec.key.is_empty() || spec.key.len() > TEXT_MAX {
            return Err(("key", "must have 1 to 256 bytes"));
        }
        if spec.value.len() > TEXT_MAX {
            return Err(("value", "must have at most 256 bytes"));
        }
        for (field, text) in [("key", &spec.key), ("value", &spec.value)] {
            // It stands in explanations.
            if plain(field, text).is_err() {
                return Err((
                    field,
                    "must have no control characters, nor any that turn the order of letters",
                ));
            }
        }
        let number = || number(&spec.value).ok_or(("value", "must be a number for lt and gt"));
        let test = match spec.op {
            TagOp::Eq => Test::Equal,
            TagOp::Ne => Test::Unequal,
            TagOp::Match => Test::Pattern(pattern(&spec.value)?),
            TagOp::Lt => Test::Below(number()?),
            TagOp::Gt => Test::Above(number()?),
        };
        Ok(Self {
            spec: Arc::new(spec),
            test,
        })
    }

    /// The condition as it was given.
    pub fn spec(&self) -> &Arc<TagSpec> {
        &self.spec
    }

    /// Whether these tags meet it. A tag that is absent meets `ne` alone.
    pub fn holds(&self, tags: &BTreeMap<String, String>) -> bool {
        let Some(found) = tags.get(&self.spec.key) else {
            return matches!(self.test, Test::Unequal);
        };
        match &self.test {
            Test::Equal => *found == self.spec.value,
            Test::Unequal => *found != self.spec.value,
            Test::Pattern(pattern) => found.len() <= VALUE_MAX && pattern.is_match(found),
            Test::Below(limit) => number(found).is_some_and(|found| found < *limit),
            Test::Above(limit) => number(found).is_some_and(|found| found > *limit),
        }
    }
}

fn pattern(text: &str) -> Result<Regex, (&'static str, &'static str)> {
    RegexBuilder::new(text)
        .size_limit(PATTERN_BYTES_MAX)
        .dfa_size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|_| ("value", "must be a regular expression of moderate size"))
}

/// A finite decimal number; tags are no money, so binary fractions do.
fn number(text: &str) -> Option<f64> {
    text.trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn rule(op: TagOp, value: &str) -> TagRule {
        TagRule::new(TagSpec {
            key: "product".to_owned(),
            op,
            value: value.to_owned(),
        })
        .unwrap()
    }

    #[rstest]
    #[case(TagOp::Eq, "solar", Some("solar"), true)]
    #[case(TagOp::Eq, "solar", Some("Solar"), false)]
    #[case(TagOp::Eq, "solar", None, false)]
    #[case(TagOp::Ne, "solar", Some("roof"), true)]
    #[case(TagOp::Ne, "solar", Some("solar"), false)]
    #[case(TagOp::Ne, "solar", None, true)]
    #[case(TagOp::Match, "^(solar|roof)$", Some("roof"), true)]
    #[case(TagOp::Match, "^(solar|roof)$", Some("roofing"), false)]
    #[case(TagOp::Match, ".*", None, false)]
    #[case(TagOp::Lt, "65", Some("9"), true)]
    #[case(TagOp::Lt, "65", Some("65"), false)]
    #[case(TagOp::Lt, "65", Some("young"), false)]
    #[case(TagOp::Lt, "65", None, false)]
    #[case(TagOp::Gt, "64.5", Some("65"), true)]
    #[case(TagOp::Gt, "64.5", Some("inf"), false)]
    #[case(TagOp::Gt, "64.5", None, false)]
    fn a_tag_is_compared(
        #[case] op: TagOp,
        #[case] value: &str,
        #[case] found: Option<&str>,
        #[case] holds: bool,
    ) {
        let tags = found
            .map(|found| ("product".to_owned(), found.to_owned()))
            .into_iter()
            .collect();
        assert_eq!(rule(op, value).holds(&tags), holds);
    }

    #[test]
    fn a_pattern_looks_at_values_of_moderate_length_only() {
        let tags = |len: usize| BTreeMap::from([("product".to_owned(), "a".repeat(len))]);
        assert!(rule(TagOp::Match, "a").holds(&tags(VALUE_MAX)));
        assert!(!rule(TagOp::Match, "a").holds(&tags(VALUE_MAX + 1)));
    }

    #[rstest]
    #[case("", TagOp::Eq, "x", "key")]
    #[case("age", TagOp::Lt, "old", "value")]
    #[case("age", TagOp::Gt, "NaN", "value")]
    #[case("age", TagOp::Match, "(", "value")]
    #[case("age", TagOp::Match, r"\w{1000}{1000}", "value")]
    fn what_is_no_condition_is_refused(
        #[case] key: &str,
        #[case] op: TagOp,
        #[case] value: &str,
        #[case] field: &str,
    ) {
        let spec = TagSpec {
            key: key.to_owned(),
            op,
            value: value.to_owned(),
        };
        assert_eq!(TagRule::new(spec).unwrap_err().0, field);
    }
}
