//! A field of a change: absent, null, or a value.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

/// What a caller says of a field. In a body with `#[serde(default)]` a missing key is [`Patch::Absent`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Nothing: the field stays as it is.
    #[default]
    Absent,
    /// Null: the field gets its default.
    Null,
    /// The field gets this value.
    Value(T),
}

impl<T> Patch<T> {
    /// As a body that takes null for absent has it.
    #[must_use]
    pub fn or_absent(self) -> Self {
        match self {
            Self::Null => Self::Absent,
            given => given,
        }
    }

    /// The value, where there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// With another value, where there is one.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Value(value) => Patch::Value(change(value)),
        }
    }
}

impl<T: Clone> Patch<T> {
    /// Changes `field` as the caller says; `default` is asked only for null.
    pub fn apply(&self, field: &mut T, default: impl FnOnce() -> T) {
        match self {
            Self::Absent => {}
            Self::Null => *field = default(),
            Self::Value(value) => field.clone_from(value),
        }
    }
}

impl<T> From<Option<T>> for Patch<T> {
    /// None is absent.
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Absent, Self::Value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(reader)?.map_or(Self::Null, Self::Value))
    }
}

impl<T: JsonSchema> JsonSchema for Patch<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        Option::<T>::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Option::<T>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[derive(Debug, Default, Deserialize)]
    #[serde(default)]
    struct Body {
        name: Patch<String>,
        cap: Patch<Option<i32>>,
    }

    fn body(json: &str) -> Body {
        serde_json::from_str(json).unwrap()
    }

    #[rstest]
    #[case("{}", Patch::Absent, "old")]
    #[case(r#"{"name":null}"#, Patch::Null, "default")]
    #[case(r#"{"name":"new"}"#, Patch::Value("new".to_owned()), "new")]
    #[case(r#"{"name":""}"#, Patch::Value(String::new()), "")]
    fn absent_null_and_a_value_are_told_apart(
        #[case] json: &str,
        #[case] expected: Patch<String>,
        #[case] applied: &str,
    ) {
        let name = body(json).name;
        assert_eq!(name, expected);
        let mut field = "old".to_owned();
        name.apply(&mut field, || "default".to_owned());
        assert_eq!(field, applied);
    }

    #[test]
    fn null_of_a_field_that_may_be_empty_is_null_too() {
        assert_eq!(body(r#"{"cap":null}"#).cap, Patch::Null);
        assert_eq!(body(r#"{"cap":5}"#).cap, Patch::Value(Some(5)));
        assert!(serde_json::from_str::<Body>(r#"{"cap":"5"}"#).is_err());
    }

    #[test]
    fn null_may_count_as_absent() {
        assert_eq!(Patch::<i32>::Null.or_absent(), Patch::Absent);
        assert_eq!(Patch::Value(5).or_absent().value(), Some(5));
        assert_eq!(Patch::from(None::<i32>), Patch::Absent);
        assert_eq!(Patch::from(Some(5)).map(|it| it + 1), Patch::Value(6));
    }
}
