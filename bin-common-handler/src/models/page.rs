//! Lists: page size, page token, and what a client may filter by.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use super::{
    error::{Error, Result},
    identity::parse_uuid,
    time::Timestamp,
};

/// Rows in a page when the client names no size.
pub const PAGE_SIZE_DEFAULT: u32 = 100;
/// Rows in a page at most.
pub const PAGE_SIZE_MAX: u32 = 1_000;

/// Which part of a list is wanted, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many rows, up to [`PAGE_SIZE_MAX`]; more only to finish a run of equal tm_create.
    pub size: u32,
    /// Whether the caller asked for that many, rather than for nothing or 0.
    pub is_sized: bool,
    /// Only rows created before this time.
    pub token: Option<Timestamp>,
}

impl Page {
    /// From the query parameters `page_size` and `page_token`.
    ///
    /// # Errors
    /// 400 when either does not parse.
    pub fn parse(size: Option<&str>, token: Option<&str>) -> Result<Self> {
        let asked = match size.filter(|text| !text.is_empty()) {
            None => 0,
            Some(text) => whole(text).ok_or_else(|| {
                Error::invalid_argument("INVALID_PAGE_SIZE", "page_size must be a whole number.")
            })?,
        };
        let size = match asked {
            0 => PAGE_SIZE_DEFAULT,
            asked => u32::try_from(asked)
                .unwrap_or(PAGE_SIZE_MAX)
                .min(PAGE_SIZE_MAX),
        };
        let token = token
            .filter(|text| !text.is_empty())
            .map(|text| {
                text.parse().map_err(|_| {
                    Error::invalid_argument(
                        "INVALID_PAGE_TOKEN",
                        "page_token must be the last row's tm_create.",
                    )
                })
            })
            .transpose()?;
        Ok(Self {
            size,
            is_sized: asked > 0,
            token,
        })
    }

    /// The page of a voipbin client, which gets nothing unless it says how many rows it wants.
    #[must_use]
    pub fn or_nothing(self) -> Self {
        Self {
            size: if self.is_sized { self.size } else { 0 },
            ..self
        }
    }
}

/// `3`, or `3.0`: not every language tells them apart.
pub fn whole(text: &str) -> Option<u64> {
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => text,
    };
    whole.parse().ok()
}

/// What a filter's value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FilterKind {
    /// Any written form of a UUID.
    Uuid,
    /// Any text, compared whole.
    Text,
    /// true or false; only for `deleted`.
    Deleted,
}

/// One entry of a list's whitelist; `name` is also the column.
pub type Filter = (&'static str, FilterKind);

/// A checked filter value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterValue {
    /// Equal to this UUID.
    Uuid(Uuid),
    /// Equal to this text.
    Text(String),
    /// Live rows (false) or deleted rows (true) only.
    Deleted(bool),
}

/// Checked filters by column. Keys come from the whitelist, so they may stand in SQL.
pub type Filters = BTreeMap<&'static str, FilterValue>;

/// Checks `given` against the whitelist.
///
/// # Errors
/// 400 `UNKNOWN_FILTER` for any other key, 400 `INVALID_FILTER` for a value of the wrong kind.
pub fn parse_filters(
    given: &serde_json::Map<String, Value>,
    whitelist: &[Filter],
) -> Result<Filters> {
    given
        .iter()
        .map(|(key, value)| parse_filter(key, value, whitelist))
        .collect()
}

fn parse_filter(
    key: &str,
    value: &Value,
    whitelist: &[Filter],
) -> Result<(&'static str, FilterValue)> {
    let Some((name, kind)) = whitelist.iter().find(|(name, _)| *name == key) else {
        let known: Vec<_> = whitelist.iter().map(|(name, _)| *name).collect();
        return Err(Error::invalid_argument(
            "UNKNOWN_FILTER",
            format!("This list filters by {} only.", known.join(", ")),
        ));
    };
    let parsed = match (kind, value) {
        (FilterKind::Uuid, Value::String(text)) => parse_uuid(text).map(FilterValue::Uuid),
        (FilterKind::Text, Value::String(text)) => Some(FilterValue::Text(text.clone())),
        (FilterKind::Deleted, Value::Bool(deleted)) => Some(FilterValue::Deleted(*deleted)),
        (FilterKind::Deleted, Value::String(text)) => text.parse().ok().map(FilterValue::Deleted),
        _ => None,
    };
    parsed.map(|value| (*name, value)).ok_or_else(|| {
        Error::invalid_argument(
            "INVALID_FILTER",
            format!("The filter {name} has a wrong value."),
        )
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case(None, 100)]
    #[case(Some(""), 100)]
    #[case(Some("0"), 100)]
    #[case(Some("7"), 7)]
    #[case(Some("7.0"), 7)]
    #[case(Some("1001"), 1000)]
    #[case(Some("99999999999999"), 1000)]
    fn page_size_has_a_default_and_a_cap(#[case] text: Option<&str>, #[case] size: u32) {
        let page = Page::parse(text, None).unwrap();
        assert_eq!(page.size, size);
        let is_sized = !matches!(text, None | Some("" | "0"));
        assert_eq!(page.or_nothing().size, if is_sized { size } else { 0 });
    }

    #[rstest]
    #[case(Some("-1"), None, "INVALID_PAGE_SIZE")]
    #[case(Some("ten"), None, "INVALID_PAGE_SIZE")]
    #[case(Some("7.5"), None, "INVALID_PAGE_SIZE")]
    #[case(None, Some("x"), "INVALID_PAGE_TOKEN")]
    fn a_bad_page_is_refused(
        #[case] size: Option<&str>,
        #[case] token: Option<&str>,
        #[case] reason: &str,
    ) {
        assert_eq!(Page::parse(size, token).unwrap_err().reason(), reason);
    }

    const WHITELIST: &[Filter] = &[
        ("customer_id", FilterKind::Uuid),
        ("name", FilterKind::Text),
        ("deleted", FilterKind::Deleted),
    ];

    #[rstest]
    #[case(json!({"customer_id = '' or 1=1 -- ": "x"}), "UNKNOWN_FILTER")]
    #[case(json!({"detail": "x"}), "UNKNOWN_FILTER")]
    #[case(json!({"customer_id": "x"}), "INVALID_FILTER")]
    #[case(json!({"deleted": "maybe"}), "INVALID_FILTER")]
    #[case(json!({"name": {"$ne": ""}}), "INVALID_FILTER")]
    fn a_filter_outside_the_whitelist_is_refused(#[case] given: Value, #[case] reason: &str) {
        let error = parse_filters(given.as_object().unwrap(), WHITELIST).unwrap_err();
        assert_eq!(error.reason(), reason);
    }

    #[test]
    fn filters_are_typed() {
        let given = json!({"name": "x", "deleted": "false"});
        let filters = parse_filters(given.as_object().unwrap(), WHITELIST).unwrap();
        assert_eq!(filters.get("deleted"), Some(&FilterValue::Deleted(false)));
        assert_eq!(
            filters.get("name"),
            Some(&FilterValue::Text("x".to_owned()))
        );
    }
}
