//! Lists: page size, page token, and what a client may filter by.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use uuid::Uuid;

use super::{
    error::{Error, Result},
    flag::parse_flag,
    identity::parse_uuid,
    time::Timestamp,
};
use crate::phone;

/// Rows in a page when the client names no size.
pub const PAGE_SIZE_DEFAULT: u32 = 100;
/// Rows in a page at most.
pub const PAGE_SIZE_MAX: u32 = 1_000;
/// What every list takes in its query, beside its filters.
const OF_EVERY_LIST: [&str; 3] = ["page_size", "page_token", "customer_id"];
/// Longest unknown name that is said again, in bytes, and the digits it may have: it could be anything.
const NAME_SAID_MAX: usize = 32;
const NAME_DIGITS_MAX: usize = 3;

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
    /// A phone number in any form that people write; compared in its one form.
    Phone,
    /// One of these words, in capitals or not.
    OneOf(&'static [&'static str]),
    /// So many digits.
    Digits(usize),
    /// A text with one form in which it is kept.
    Read(&'static Reader),
    /// Yes or no; only for `deleted`.
    Deleted,
}

/// A field's type by which a list can be filtered.
pub trait Filterable {
    /// What the filter's value must be, unless the field says otherwise.
    const KIND: FilterKind;
}

impl Filterable for Uuid {
    const KIND: FilterKind = FilterKind::Uuid;
}

impl Filterable for String {
    const KIND: FilterKind = FilterKind::Text;
}

/// How a text gets the form in which it is kept.
#[derive(Debug)]
pub struct Reader {
    /// What it must be, e.g. `a state or province such as CA`.
    pub wanted: &'static str,
    /// Its one form; none when it has none.
    pub read: fn(&str) -> Option<String>,
}

impl PartialEq for Reader {
    fn eq(&self, other: &Self) -> bool {
        self.wanted == other.wanted
    }
}

impl Eq for Reader {}

/// Refuses parameters that nobody would look at: a filter with a wrong name would let every row through.
///
/// # Errors
/// 400 with the names that are known.
pub fn ensure_known<'a>(
    query: &HashMap<String, String>,
    known: impl IntoIterator<Item = &'a str>,
) -> Result<()> {
    let known: Vec<_> = known.into_iter().collect();
    let is_unknown = |name: &&String| !known.contains(&name.as_str());
    let Some(unknown) = query.keys().filter(is_unknown).min() else {
        return Ok(());
    };
    let digits = unknown.bytes().filter(u8::is_ascii_digit).count();
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    let is_said = (1..=NAME_SAID_MAX).contains(&unknown.len())
        && digits <= NAME_DIGITS_MAX
        && unknown.bytes().all(is_harmless);
    let name = if is_said { unknown } else { "of that name" };
    Err(Error::invalid_argument(
        "UNKNOWN_PARAMETER",
        format!(
            "There is no parameter {name} here. Known are {}.",
            known.join(", ")
        ),
    ))
}

/// As [`ensure_known`], of a list that filters by `whitelist`.
///
/// # Errors
/// 400 with the names that are known.
pub fn ensure_known_of_list(query: &HashMap<String, String>, whitelist: &[Filter]) -> Result<()> {
    if query.is_empty() {
        return Ok(());
    }
    let own = whitelist.iter().map(|(name, _)| *name);
    let own = own.filter(|name| !OF_EVERY_LIST.contains(name));
    ensure_known(query, OF_EVERY_LIST.into_iter().chain(own))
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

/// Checks `given` against the whitelist, and puts values into the form in which they are kept. Null is as if the filter
/// were missing, and so is a `customer_id` that is empty.
///
/// # Errors
/// 400 `UNKNOWN_FILTER` for any other key, 400 `INVALID_FILTER` for a value of the wrong kind.
pub fn parse_filters(
    given: &serde_json::Map<String, Value>,
    whitelist: &[Filter],
) -> Result<Filters> {
    // A flag says yes or no; without, both live and deleted rows would come.
    let is_absent = |key: &str, kind: FilterKind, value: &Value| {
        (value.is_null() && kind != FilterKind::Deleted)
            || (key == "customer_id" && value.as_str() == Some(""))
    };
    let mut filters = Filters::new();
    for (key, value) in given {
        let Some((name, kind)) = whitelist.iter().find(|(name, _)| name == key) else {
            let known: Vec<_> = whitelist.iter().map(|(name, _)| *name).collect();
            return Err(Error::invalid_argument(
                "UNKNOWN_FILTER",
                format!("This list filters by {} only.", known.join(", ")),
            ));
        };
        if !is_absent(key, *kind, value) {
            filters.insert(*name, parse_filter(name, *kind, value)?);
        }
    }
    Ok(filters)
}

fn parse_filter(name: &str, kind: FilterKind, value: &Value) -> Result<FilterValue> {
    let wrong = |wanted: String| {
        let message = format!("The filter {name} must be {wanted}.");
        Error::invalid_argument("INVALID_FILTER", message)
    };
    let text = match (kind, value) {
        (FilterKind::Deleted, Value::Bool(deleted)) => return Ok(FilterValue::Deleted(*deleted)),
        (_, Value::String(text)) => text.clone(),
        (FilterKind::Phone | FilterKind::Digits(_), Value::Number(number)) => number.to_string(),
        (FilterKind::Deleted, _) => return Err(wrong("true or false".to_owned())),
        _ => return Err(wrong("a text".to_owned())),
    };
    match kind {
        FilterKind::Uuid => parse_uuid(&text)
            .map(FilterValue::Uuid)
            .ok_or_else(|| wrong("a UUID".to_owned())),
        FilterKind::Text => Ok(FilterValue::Text(text)),
        FilterKind::Phone => phone::parse_query(&text)
            .map(|number| FilterValue::Text(number.as_str().to_owned()))
            .map_err(|fault| wrong(format!("a phone number such as +14155550123: it {fault}"))),
        FilterKind::OneOf(words) => {
            let text = text.trim();
            let word = words.iter().find(|word| word.eq_ignore_ascii_case(text));
            word.map(|word| FilterValue::Text((*word).to_owned()))
                .ok_or_else(|| wrong(format!("one of {}", said(words))))
        }
        FilterKind::Digits(count) => {
            let text = text.trim();
            let is_right = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
            is_right
                .then(|| FilterValue::Text(text.to_owned()))
                .ok_or_else(|| wrong(format!("{count} digits")))
        }
        FilterKind::Read(reader) => (reader.read)(&text)
            .map(FilterValue::Text)
            .ok_or_else(|| wrong(reader.wanted.to_owned())),
        FilterKind::Deleted => parse_flag(&text)
            .map(FilterValue::Deleted)
            .ok_or_else(|| wrong("true or false (1 or 0, yes or no)".to_owned())),
    }
}

/// Words as they are listed for people.
fn said(words: &[&str]) -> String {
    let shown = words.iter().map(|word| match *word {
        "" => "nothing",
        word => word,
    });
    shown.collect::<Vec<_>>().join(", ")
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
        ("number", FilterKind::Phone),
        ("status", FilterKind::OneOf(&["", "active", "no_answer"])),
        ("last4", FilterKind::Digits(4)),
        ("email", FilterKind::Read(&EMAIL)),
        ("deleted", FilterKind::Deleted),
    ];

    static EMAIL: Reader = Reader {
        wanted: "an address",
        read: |text| text.contains('@').then(|| text.to_lowercase()),
    };

    fn text_of(given: &Value) -> Result<String> {
        let filters = parse_filters(given.as_object().unwrap(), WHITELIST)?;
        match filters.into_values().next() {
            Some(FilterValue::Text(text)) => Ok(text),
            other => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case(json!({"number": "4155550100"}), "+14155550100")]
    #[case(json!({"number": "+14155550100"}), "+14155550100")]
    #[case(json!({"number": " 14155550100"}), "+14155550100")]
    #[case(json!({"number": "(415) 555-0100"}), "+14155550100")]
    #[case(json!({"number": "1-415-555-0100"}), "+14155550100")]
    #[case(json!({"number": 4_155_550_100_u64}), "+14155550100")]
    #[case(json!({"number": " 442079460958"}), "+442079460958")]
    #[case(json!({"status": "Active"}), "active")]
    #[case(json!({"status": "NO_ANSWER"}), "no_answer")]
    #[case(json!({"status": ""}), "")]
    #[case(json!({"last4": "0123"}), "0123")]
    #[case(json!({"last4": 9123}), "9123")]
    #[case(json!({"email": "Ann@Example.com"}), "ann@example.com")]
    #[case(json!({"name": " As It Is "}), " As It Is ")]
    fn a_value_gets_the_form_in_which_it_is_kept(#[case] given: Value, #[case] kept: &str) {
        assert_eq!(text_of(&given).unwrap(), kept);
    }

    #[rstest]
    #[case(json!({"number": "5550100"}), "number")]
    #[case(json!({"number": "x"}), "number")]
    #[case(json!({"number": ""}), "number")]
    #[case(json!({"status": "actif"}), "status")]
    #[case(json!({"last4": "123"}), "last4")]
    #[case(json!({"last4": "01234"}), "last4")]
    #[case(json!({"last4": "abcd"}), "last4")]
    #[case(json!({"email": "ann"}), "email")]
    #[case(json!({"customer_id": "7"}), "customer_id")]
    #[case(json!({"deleted": ""}), "deleted")]
    #[case(json!({"deleted": null}), "deleted")]
    #[case(json!({"deleted": "2"}), "deleted")]
    fn a_wrong_value_is_refused_with_its_filter(#[case] given: Value, #[case] name: &str) {
        let error = parse_filters(given.as_object().unwrap(), WHITELIST).unwrap_err();
        assert_eq!(error.reason(), "INVALID_FILTER");
        assert!(error.message().contains(name), "{error:?}");
        assert!(!error.message().contains("5550100"), "{error:?}");
    }

    #[rstest]
    #[case(json!({"name": null, "number": null}))]
    #[case(json!({"customer_id": ""}))]
    #[case(json!({"customer_id": null}))]
    fn null_is_as_if_it_were_missing(#[case] given: Value) {
        let filters = parse_filters(given.as_object().unwrap(), WHITELIST).unwrap();
        assert_eq!(filters, Filters::new());
    }

    #[rstest]
    #[case("true", true)]
    #[case("TRUE", true)]
    #[case("1", true)]
    #[case("Yes", true)]
    #[case("false", false)]
    #[case("0", false)]
    #[case("NO", false)]
    fn deleted_is_a_flag(#[case] text: &str, #[case] expected: bool) {
        let given = json!({"deleted": text});
        let filters = parse_filters(given.as_object().unwrap(), WHITELIST).unwrap();
        assert_eq!(
            filters.get("deleted"),
            Some(&FilterValue::Deleted(expected))
        );
    }

    fn query(names: &[&str]) -> HashMap<String, String> {
        let pairs = names
            .iter()
            .map(|name| ((*name).to_owned(), "x".to_owned()));
        pairs.collect()
    }

    #[rstest]
    #[case(&[])]
    #[case(&["page_size", "page_token", "customer_id"])]
    #[case(&["number", "deleted", "name"])]
    fn known_parameters_pass(#[case] names: &[&str]) {
        ensure_known_of_list(&query(names), WHITELIST).unwrap();
    }

    #[rstest]
    #[case(&["tag"], "parameter tag ")]
    #[case(&["name", "Number"], "parameter Number ")]
    #[case(&["pagesize"], "parameter pagesize ")]
    #[case(&["limit"], "parameter limit ")]
    #[case(&["phone_last4"], "parameter phone_last4 ")]
    #[case(&["+14155550100"], "parameter of that name ")]
    #[case(&["4155550100"], "parameter of that name ")]
    #[case(&["a b"], "parameter of that name ")]
    #[case(&[""], "parameter of that name ")]
    fn an_unknown_parameter_is_refused_with_those_that_are_known(
        #[case] names: &[&str],
        #[case] said: &str,
    ) {
        let error = ensure_known_of_list(&query(names), WHITELIST).unwrap_err();
        assert_eq!(error.reason(), "UNKNOWN_PARAMETER");
        assert!(error.message().contains(said), "{error:?}");
        let known =
            "page_size, page_token, customer_id, name, number, status, last4, email, deleted.";
        assert!(error.message().ends_with(known), "{error:?}");
    }

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
