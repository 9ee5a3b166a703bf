//! A widget: a chat window on somebody's web pages.

use std::collections::BTreeMap;

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, short, timezone},
        error::Result,
        hours::{Hours, Window, minute_of_week},
        identity::optional_uuid,
        time::Timestamp,
    },
};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

/// Longest greeting, in bytes.
const GREETING_MAX: usize = 1_600;
/// Colours of one widget.
const COLORS_MAX: usize = 20;
/// Pages of one widget.
const ORIGINS_MAX: usize = 50;
/// Longest origin, in bytes.
const ORIGIN_MAX: usize = 255;

/// A chat window on somebody's web pages.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "widget", table = "chat_widgets", check = check)]
pub struct Widget {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// What pages know it by.
    pub public_id: String,
    /// What people call it.
    #[resource(set, not_blank, max_chars = 255)]
    pub name: String,
    /// What a visitor reads first, at most 1,600 bytes.
    #[resource(set, max_bytes = GREETING_MAX)]
    pub greeting: String,
    /// Colours by what they are for, as the page wants them; at most 20.
    #[schemars(with = "BTreeMap<String, String>")]
    #[resource(set)]
    pub colors: Json<BTreeMap<String, String>>,
    /// When somebody is there; empty = always. Who comes at another hour is told, and waits all the same.
    #[schemars(with = "Vec<Window>")]
    #[resource(set)]
    pub hours: Json<Hours>,
    /// The time zone of `hours`; empty = UTC.
    #[resource(set)]
    pub timezone: String,
    /// The pages that may show it, e.g. `https://example.com`; at most 50.
    #[schemars(with = "Vec<String>")]
    #[resource(set)]
    pub origins: Json<Vec<String>>,
    /// Where its chats wait for a human; null for nowhere.
    #[serde(deserialize_with = "optional_uuid")]
    #[resource(set)]
    pub queue_id: Option<Uuid>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Widget {
    /// Whether somebody is there at this instant, by its `hours`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let zone = self.timezone.parse().unwrap_or(Tz::UTC);
        self.hours.0.is_open(minute_of_week(zone, now))
    }

    /// Whether pages of this origin may show it.
    pub fn allows(&self, origin: &str) -> bool {
        self.origins
            .0
            .iter()
            .any(|own| own.eq_ignore_ascii_case(origin))
    }
}

fn check(widget: &mut Widget, _: Option<&Widget>, _: Timestamp) -> Result<()> {
    let colors = &widget.colors.0;
    ensure(
        colors.len() <= COLORS_MAX,
        "colors",
        "has at most 20 entries",
    )?;
    for (name, color) in colors {
        short("colors", name)?;
        short("colors", color)?;
    }
    if widget.timezone.is_empty() {
        "UTC".clone_into(&mut widget.timezone);
    }
    timezone("timezone", &widget.timezone)?;
    let origins = &widget.origins.0;
    ensure(
        origins.len() <= ORIGINS_MAX,
        "origins",
        "has at most 50 entries",
    )?;
    let all = origins.iter().all(|origin| is_origin(origin));
    ensure(
        all,
        "origins",
        "has origins such as https://example.com, without a path",
    )
}

/// Scheme, host and perhaps a port, as browsers write an `Origin` (RFC 6454).
fn is_origin(text: &str) -> bool {
    let rest = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"));
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte);
    text.len() <= ORIGIN_MAX
        && rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(is_plain))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://example.com", true)]
    #[case("http://localhost:3000", true)]
    #[case("https://[::1]:8443", true)]
    #[case("https://example.com/", false)]
    #[case("https://", false)]
    #[case("null", false)]
    #[case("*", false)]
    #[case("ftp://example.com", false)]
    fn an_origin_is_what_browsers_send(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_origin(text), expected);
    }

    #[test]
    fn only_its_own_pages_may_show_it() {
        let widget = Widget {
            origins: Json(vec!["https://Example.com".to_owned()]),
            ..Widget::default()
        };
        assert!(widget.allows("https://example.com"));
        assert!(!widget.allows("https://example.com.evil.test"));
        assert!(!widget.allows("http://example.com"));
        assert!(!Widget::default().allows(""));
    }
}
