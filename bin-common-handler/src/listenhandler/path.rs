//! The placeholders of a path.

use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use uuid::Uuid;

use super::{
    Extract, Input, Operation,
    describe::SchemaOf,
    routes::{is_id, is_placeholder},
};
use crate::models::error::{Error, Result};

/// What the placeholders of the path hold, in their order: one value, or a tuple of up to three.
///
/// `<outdial-id>`, like each whose name ends with `-id`, stands for a UUID. Any other, such as `<provider>`, stands for a
/// word of up to 128 characters of `A-Z a-z 0-9 . _ ~ % + -`, percent-decoded.
pub struct Path<T = Uuid>(pub T);

/// A value in a path, as the template says.
#[derive(Debug, Clone)]
pub enum PathValue {
    /// Of a placeholder whose name ends with `-id`.
    Id(Uuid),
    /// Of any other; nothing where it is no text.
    Word(Option<String>),
}

/// A type that a placeholder may have.
pub trait PathParameter: Sized {
    /// Reads the value.
    ///
    /// # Errors
    /// 400 when it is none of this type.
    fn read(value: PathValue) -> Result<Self>;

    /// Its schema.
    fn schema(generator: &mut SchemaGenerator) -> Schema;
}

impl PathParameter for Uuid {
    fn read(value: PathValue) -> Result<Self> {
        match value {
            PathValue::Id(id) => Ok(id),
            PathValue::Word(_) => Err(Error::internal("the placeholder is no id")),
        }
    }

    fn schema(generator: &mut SchemaGenerator) -> Schema {
        Self::json_schema(generator)
    }
}

impl PathParameter for String {
    fn read(value: PathValue) -> Result<Self> {
        match value {
            PathValue::Word(Some(word)) => Ok(word),
            PathValue::Word(None) => Err(Error::invalid_argument(
                "INVALID_PATH",
                "A part of the path is no text.",
            )),
            PathValue::Id(_) => Err(Error::internal("the placeholder is no word")),
        }
    }

    fn schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": 128 })
    }
}

/// One value, or a tuple of them.
pub trait FromPath: Sized {
    /// Reads as many as belong to it.
    ///
    /// # Errors
    /// 400 when one is not of its type.
    fn from_path(values: &mut std::vec::IntoIter<PathValue>) -> Result<Self>;

    /// The schemas of its values.
    fn schemas() -> Vec<SchemaOf>;
}

impl<T: PathParameter> FromPath for T {
    fn from_path(values: &mut std::vec::IntoIter<PathValue>) -> Result<Self> {
        let value = values.next();
        T::read(value.ok_or_else(|| Error::internal("the template has fewer placeholders"))?)
    }

    fn schemas() -> Vec<SchemaOf> {
        vec![T::schema]
    }
}

macro_rules! tuple {
    ($($type:ident),+) => {
        impl<$($type: PathParameter),+> FromPath for ($($type,)+) {
            fn from_path(values: &mut std::vec::IntoIter<PathValue>) -> Result<Self> {
                Ok(($($type::from_path(values)?,)+))
            }

            fn schemas() -> Vec<SchemaOf> {
                vec![$($type::schema),+]
            }
        }
    };
}

tuple!(A, B);
tuple!(A, B, C);

impl<S, T: FromPath> Extract<S> for Path<T> {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        T::from_path(&mut input.path).map(Self)
    }

    fn describe(operation: &mut Operation) {
        operation.path.extend(T::schemas());
    }
}

/// Where the placeholders of a template stand, split at `/`, and whether each is an id.
pub(super) fn placeholders(template: &str) -> Vec<(usize, bool)> {
    template
        .split('/')
        .enumerate()
        .filter(|(_, part)| is_placeholder(part))
        .map(|(position, part)| (position, is_id(part)))
        .collect()
}

/// What they hold.
pub(super) fn path_values(path: &str, placeholders: &[(usize, bool)]) -> Vec<PathValue> {
    let mut parts = path.split('/').enumerate();
    placeholders
        .iter()
        .filter_map(|&(wanted, is_id)| {
            let (_, part) = parts.find(|(position, _)| *position == wanted)?;
            if is_id {
                return Uuid::try_parse(part).ok().map(PathValue::Id);
            }
            let word = percent_decode_str(part).decode_utf8().ok();
            let word = word.filter(|word| !word.chars().any(char::is_control));
            Some(PathValue::Word(word.map(std::borrow::Cow::into_owned)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ID: &str = "5b1a0000-0000-0000-0000-00000000000a";

    fn values(template: &str, path: &str) -> std::vec::IntoIter<PathValue> {
        path_values(path, &placeholders(template)).into_iter()
    }

    #[test]
    fn ids_and_words_come_in_their_order() {
        let path = format!("/v1/webhooks/twilio/{ID}/calls/CA%2B1");
        let mut values = values("/v1/webhooks/<provider>/<number-id>/calls/<call>", &path);
        let (provider, id, call) = <(String, Uuid, String)>::from_path(&mut values).unwrap();
        assert_eq!(
            (provider.as_str(), id.to_string().as_str(), call.as_str()),
            ("twilio", ID, "CA+1")
        );
    }

    #[rstest]
    #[case("/v1/x/%e9")]
    #[case("/v1/x/%00")]
    #[case("/v1/x/a%0d%0ab")]
    fn a_word_that_is_no_text_is_refused(#[case] path: &str) {
        let refused = String::from_path(&mut values("/v1/x/<word>", path)).unwrap_err();
        assert_eq!(refused.reason(), "INVALID_PATH");
    }

    #[rstest]
    #[case("/v1/x/<x-id>", "/v1/x/5b1a0000-0000-0000-0000-00000000000a")]
    #[case("/v1/x", "/v1/x")]
    fn a_handler_that_asks_for_another_kind_is_a_fault_of_ours(
        #[case] template: &str,
        #[case] path: &str,
    ) {
        let refused = String::from_path(&mut values(template, path)).unwrap_err();
        assert_eq!(refused.reason(), "INTERNAL");
    }
}
