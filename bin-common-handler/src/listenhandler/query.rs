//! The query of a request.

use std::{collections::HashMap, ops::Deref, sync::Arc};

use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::{
    Extract, Input, Operation,
    describe::object,
    values::{self, Values},
};
use crate::models::{
    error::{Error, Result},
    identity::optional_owner,
};

/// The query as a struct: a parameter that it does not have is refused, and an empty one is missing where it may be.
///
/// Without a type the parameters are as they came, for routes whose callers send anything.
pub struct Query<T = Parameters>(pub T);

/// Parameters by name, decoded; of several equal names the last counts.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(transparent)]
pub struct Parameters(pub Arc<HashMap<String, String>>);

impl Deref for Parameters {
    type Target = HashMap<String, String>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<S> Extract<S> for Query {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        Ok(Self(Parameters(Arc::clone(&input.query))))
    }
}

impl<S, T: DeserializeOwned + JsonSchema> Extract<S> for Query<T> {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        read(&input.query, true).map(Self)
    }

    fn describe(operation: &mut Operation) {
        operation.query.push(object::<T>);
    }
}

/// The tenant that the query names as `customer_id`, where it does; other parameters are passed over.
pub struct NamedTenant(pub Option<Uuid>);

impl<S> Extract<S> for NamedTenant {
    fn extract(input: &mut Input<S>) -> Result<Self> {
        let tenant: TenantParameter = read(&input.query, false)?;
        Ok(Self(tenant.customer_id.filter(|id| !id.is_nil())))
    }

    fn describe(operation: &mut Operation) {
        operation.query.push(object::<TenantParameter>);
    }
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
struct TenantParameter {
    /// The tenant; a key that belongs to one leaves it out.
    #[serde(deserialize_with = "optional_owner")]
    customer_id: Option<Uuid>,
}

fn read<T: DeserializeOwned>(query: &Values, is_strict: bool) -> Result<T> {
    values::read(query, is_strict).map_err(|refusal| {
        refusal.error.unwrap_or_else(|| {
            // What many routes have has a reason of its own.
            let reason = match &*refusal.name {
                "customer_id" => "INVALID_CUSTOMER_ID",
                "page_size" => "INVALID_PAGE_SIZE",
                "page_token" => "INVALID_PAGE_TOKEN",
                _ => "INVALID_PARAMETER",
            };
            Error::invalid_argument(reason, format!("{}.", refusal.message))
        })
    })
}

/// Reads `a=1&b=2`; the last of several equal names wins.
pub(crate) fn parse_query(text: &str) -> HashMap<String, String> {
    let decode = |part: &str| {
        if !part.contains(['+', '%']) {
            return part.to_owned();
        }
        percent_decode_str(&part.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_query_is_decoded_and_the_last_value_wins() {
        let query = parse_query("a=1&b=%2B1+2&a=3&&flag");
        assert_eq!(query.get("a").map(String::as_str), Some("3"));
        assert_eq!(query.get("b").map(String::as_str), Some("+1 2"));
        assert_eq!(query.get("flag").map(String::as_str), Some(""));
        assert_eq!(query.len(), 3);
    }

    proptest! {
        #[test]
        fn any_query_is_read_without_harm(text in "\\PC{0,80}") {
            prop_assert!(parse_query(&text).len() <= text.len());
        }
    }
}
