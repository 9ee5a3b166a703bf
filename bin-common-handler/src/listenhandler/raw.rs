//! Requests as they came: for handlers that verify a signature, and forms.

use std::{borrow::Cow, collections::BTreeMap};

use encoding_rs::WINDOWS_1252;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use super::{
    Extract, Input, Operation,
    describe::{Body, FORM},
    values::{self, Values},
};
use crate::models::{
    bad_json,
    error::{Error, Result},
    raw::RawRequest,
    sock::Method,
};

/// A request as it came, on a [`raw`](super::Routes::raw) route.
#[derive(Debug, Clone)]
pub struct Raw {
    head: RawRequest,
    body: Vec<u8>,
}

impl Raw {
    /// A request as the bridge would pass it on; names of headers in small letters.
    pub fn new(url: &str, headers: BTreeMap<String, Vec<String>>, body: &[u8]) -> Self {
        Self {
            head: RawRequest::new(Method::Post, url.to_owned(), headers, body),
            body: body.to_owned(),
        }
    }

    /// The whole URL as the caller wrote it, with its query.
    pub fn url(&self) -> &str {
        &self.head.url
    }

    /// The bytes of the body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Every value of a header that the route has chosen; `name` in small letters.
    pub fn all(&self, name: &str) -> &[String] {
        self.head.headers.get(name).map_or(&[], Vec::as_slice)
    }

    /// The value of such a header, where it is there once: of two signatures nobody knows which one counts.
    pub fn header(&self, name: &str) -> Option<&str> {
        match self.all(name) {
            [value] => Some(value),
            _ => None,
        }
    }
}

impl<S> Extract<S> for Raw {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        let head: RawRequest = bad_json::from_str(data(input)).map_err(|bad| wrong(&bad))?;
        let body = head
            .body()
            .ok_or_else(|| wrong(&"body_base64 is no base64"))?;
        Ok(Self { head, body })
    }

    fn describe(operation: &mut Operation) {
        // A form says more.
        operation.body.get_or_insert(Body {
            media_type: "*/*",
            schema: None,
            is_required: false,
        });
    }
}

/// A form's fields (`application/x-www-form-urlencoded`), on a [`raw`](super::Routes::raw) or a
/// [`form`](super::Routes::form) route. Fields that `T` does not have are passed over, as carriers add some at any time; of
/// several equal ones the last counts. A value that is not UTF-8 is read as Windows-1252, of which Latin-1 is a part.
pub struct Form<T>(pub T);

impl<S, T: DeserializeOwned + JsonSchema> Extract<S> for Form<T> {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        let values = if input.route.edge.raw.is_some() {
            parse(Raw::extract(input)?.body())
        } else {
            let text: String = bad_json::from_str(data(input)).map_err(|bad| wrong(&bad))?;
            parse(text.as_bytes())
        };
        typed(&values).map(Self)
    }

    fn describe(operation: &mut Operation) {
        operation.body = Some(Body::of::<T>(FORM));
    }
}

fn data<S>(input: &Input<S>) -> &str {
    input.data.as_ref().map_or("null", |data| data.get())
}

fn wrong(why: &dyn std::fmt::Display) -> Error {
    Error::invalid_argument("INVALID_BODY", format!("The body is not right: {why}."))
}

fn typed<T: DeserializeOwned>(values: &Values) -> Result<T> {
    values::read(values, false).map_err(|refusal| wrong(&refusal.message))
}

/// The fields of a form, as [`Form`] reads them.
///
/// # Errors
/// 400 for what is no form of that kind.
pub fn read_form<T: DeserializeOwned>(body: &[u8]) -> Result<T> {
    typed(&parse(body))
}

/// Reads `a=1&b=2`, whatever its bytes are.
fn parse(body: &[u8]) -> Values {
    form_fields(body).collect()
}

/// The fields of a form (`application/x-www-form-urlencoded`) as they come, names and values decoded, equal names as
/// often as they are there.
pub fn form_fields(body: &[u8]) -> impl Iterator<Item = (String, String)> + '_ {
    body.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let mut half = || decoded(halves.next().unwrap_or_default());
            (half(), half())
        })
}

fn decoded(part: &[u8]) -> String {
    let spaced: Vec<u8> = part
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let bytes: Cow<'_, [u8]> = percent_encoding::percent_decode(&spaced).into();
    match std::str::from_utf8(&bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => WINDOWS_1252
            .decode_without_bom_handling(&bytes)
            .0
            .into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"From=%2B14155550123&Body=a+b", "Body", "a b")]
    #[case(b"From=%2B14155550123&Body=a+b", "From", "+14155550123")]
    #[case(b"Body=caf%C3%A9", "Body", "caf\u{e9}")]
    #[case(b"Body=caf%E9", "Body", "caf\u{e9}")]
    #[case(b"Body=caf\xe9", "Body", "caf\u{e9}")]
    #[case(b"Body=%80", "Body", "\u{20ac}")]
    #[case(b"Body=100%", "Body", "100%")]
    #[case(b"Body=a=b", "Body", "a=b")]
    #[case(b"&&Body&x=1", "Body", "")]
    #[case(b"Body=1&Body=2", "Body", "2")]
    #[case(b"B%6Fdy=1", "Body", "1")]
    fn a_form_is_decoded(#[case] body: &[u8], #[case] name: &str, #[case] value: &str) {
        assert_eq!(parse(body).get(name).map(String::as_str), Some(value));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(body in prop::collection::vec(any::<u8>(), 0..100)) {
            prop_assert!(parse(&body).len() <= body.len());
        }
    }
}
