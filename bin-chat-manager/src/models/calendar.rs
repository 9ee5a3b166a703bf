//! A calendar: the business's appointments at an address that other programs follow, or in a calendar elsewhere.

use bin_common_handler::{
    Resource,
    models::{
        check::{ensure, in_range, max_bytes},
        error::Result,
        identity::uuid_or_nil,
        text::NAME_MAX,
        time::Timestamp,
    },
    text_enum,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest address, in bytes.
const URL_MAX: usize = 2_048;
/// Longest secret, in bytes: refresh tokens have some hundred.
const SECRET_MAX: usize = 4_096;

text_enum!(
    /// Where a calendar is.
    pub enum CalendarType {
        /// Here: others follow its address (RFC 5545).
        Feed = "feed",
        /// On a CalDAV server (RFC 4791).
        Caldav = "caldav",
        /// Google Calendar, version 3 of its API.
        Google = "google",
        /// Microsoft 365, by Microsoft Graph.
        Graph = "graph",
    }
);

/// A calendar of appointments.
#[derive(
    Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema, Resource,
)]
#[resource(name = "calendar", table = "chat_calendars", check = check)]
pub struct Calendar {
    /// UUIDv7.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub customer_id: Uuid,
    /// What it is called.
    #[resource(set, filter, not_blank, max_chars = NAME_MAX)]
    pub name: String,
    /// Where it is; fixed at creation.
    #[resource(set, filter)]
    pub r#type: CalendarType,
    /// Whose appointments it has, and whose time its own events take; nil = everybody's.
    #[serde(deserialize_with = "uuid_or_nil")]
    #[resource(set, filter)]
    pub resource_id: Uuid,
    /// The collection's address on its CalDAV server; empty for others.
    #[resource(set)]
    pub url: String,
    /// The account on its CalDAV server; empty for others.
    #[resource(set, max_chars = NAME_MAX)]
    pub username: String,
    /// That account's password, or a refresh token (OAuth 2.0, RFC 6749). Never shown; sealed in its column.
    #[serde(default, skip_serializing)]
    #[resource(set)]
    pub secret: String,
    /// Google's or Microsoft's id of the calendar; empty = the account's main one.
    #[resource(set, max_chars = NAME_MAX)]
    pub remote_id: String,
    /// The secret part of a feed's address, `/v1/calendars/<id>/feed/<feed_token>`: 43 characters.
    pub feed_token: String,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
    /// Deletion time; null while it is live.
    pub tm_delete: Option<Timestamp>,
}

impl Calendar {
    /// Whether appointments are carried to a calendar elsewhere.
    pub fn is_linked(&self) -> bool {
        self.r#type != CalendarType::Feed
    }

    /// Where its secret belongs: a sealed text that is copied into another row does not open.
    pub(crate) fn secret_place(&self) -> String {
        format!("{}/chat_calendars/secret/{}", self.customer_id, self.id)
    }
}

fn check(calendar: &mut Calendar, before: Option<&Calendar>, _: Timestamp) -> Result<()> {
    let is_same_type = before.is_none_or(|before| before.r#type == calendar.r#type);
    ensure(is_same_type, "type", "cannot be changed")?;
    let is_known = !matches!(calendar.r#type, CalendarType::Other(_));
    ensure(is_known, "type", "must be feed, caldav, google or graph")?;
    max_bytes("url", &calendar.url, URL_MAX)?;
    let is_caldav = calendar.r#type == CalendarType::Caldav;
    let is_oauth = calendar.is_linked() && !is_caldav;
    needed("url", &calendar.url, is_caldav)?;
    ensure(
        is_caldav || calendar.username.is_empty(),
        "username",
        "is for calendars of type caldav",
    )?;
    let is_plain = |c: char| !c.is_control() && c != ':';
    ensure(
        calendar.username.chars().all(is_plain),
        "username",
        "must not have colons or control characters",
    )?;
    ensure(
        is_oauth || calendar.remote_id.is_empty(),
        "remote_id",
        "is for calendars of type google or graph",
    )?;
    needed("secret", &calendar.secret, calendar.is_linked())?;
    // A secret goes where it was meant to go, and nowhere else: whoever may change the address need not know it.
    let leads_elsewhere =
        |before: &&Calendar| (&before.url, &before.username) != (&calendar.url, &calendar.username);
    let is_sent_along = before
        .filter(leads_elsewhere)
        .is_none_or(|before| before.secret != calendar.secret);
    ensure(
        is_sent_along,
        "secret",
        "is needed again with another url or username",
    )?;
    // A secret that stays is sealed already, and longer.
    if before.is_none_or(|before| before.secret != calendar.secret) {
        in_range("the length of secret", calendar.secret.len(), 0, SECRET_MAX)?;
        let is_shown = !calendar.secret.chars().any(char::is_control);
        ensure(is_shown, "secret", "must not have control characters")?;
    }
    Ok(())
}

fn needed(field: &str, value: &str, is_needed: bool) -> Result<()> {
    if is_needed {
        return ensure(!value.is_empty(), field, "is needed for this type");
    }
    ensure(value.is_empty(), field, "is not for calendars of this type")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn calendar(
        r#type: CalendarType,
        url: &str,
        username: &str,
        secret: &str,
        remote_id: &str,
    ) -> Calendar {
        Calendar {
            r#type,
            url: url.to_owned(),
            username: username.to_owned(),
            secret: secret.to_owned(),
            remote_id: remote_id.to_owned(),
            ..Calendar::default()
        }
    }

    #[rstest]
    #[case(CalendarType::Feed, "", "", "", "", None)]
    #[case(CalendarType::Feed, "https://a.example", "", "", "", Some("url"))]
    #[case(CalendarType::Feed, "", "", "s", "", Some("secret"))]
    #[case(CalendarType::Caldav, "https://a.example", "ann", "s", "", None)]
    #[case(CalendarType::Caldav, "", "ann", "s", "", Some("url"))]
    #[case(
        CalendarType::Caldav,
        "https://a.example",
        "a:b",
        "s",
        "",
        Some("username")
    )]
    #[case(
        CalendarType::Caldav,
        "https://a.example",
        "ann",
        "",
        "",
        Some("secret")
    )]
    #[case(
        CalendarType::Caldav,
        "https://a.example",
        "ann",
        "s\n",
        "",
        Some("secret")
    )]
    #[case(
        CalendarType::Caldav,
        "https://a.example",
        "ann",
        "s",
        "x",
        Some("remote_id")
    )]
    #[case(CalendarType::Google, "", "", "token", "x", None)]
    #[case(
        CalendarType::Google,
        "https://a.example",
        "",
        "token",
        "",
        Some("url")
    )]
    #[case(CalendarType::Graph, "", "ann", "token", "", Some("username"))]
    fn each_type_has_its_own_fields(
        #[case] r#type: CalendarType,
        #[case] url: &str,
        #[case] username: &str,
        #[case] secret: &str,
        #[case] remote_id: &str,
        #[case] wrong: Option<&str>,
    ) {
        let mut row = calendar(r#type, url, username, secret, remote_id);
        let checked = check(&mut row, None, Timestamp::from_micros(0));
        match wrong {
            None => checked.unwrap(),
            Some(field) => {
                let refused = checked.unwrap_err();
                assert!(refused.message().starts_with(field), "{refused}");
            }
        }
    }

    #[rstest]
    #[case::same("https://a.example/ann", "ann", "sealed", true)]
    #[case::host("https://b.example/ann", "ann", "sealed", false)]
    #[case::scheme("http://a.example/ann", "ann", "sealed", false)]
    #[case::path("https://a.example/eve", "ann", "sealed", false)]
    #[case::account("https://a.example/ann", "eve", "sealed", false)]
    #[case::with_its_secret("https://b.example/ann", "eve", "new", true)]
    fn a_secret_is_not_sent_elsewhere(
        #[case] url: &str,
        #[case] username: &str,
        #[case] secret: &str,
        #[case] expected: bool,
    ) {
        let before = calendar(
            CalendarType::Caldav,
            "https://a.example/ann",
            "ann",
            "sealed",
            "",
        );
        let mut after = calendar(CalendarType::Caldav, url, username, secret, "");
        let checked = check(&mut after, Some(&before), Timestamp::from_micros(0));
        assert_eq!(checked.is_ok(), expected);
        if let Err(refused) = checked {
            assert!(refused.message().starts_with("secret"), "{refused}");
        }
    }

    #[test]
    fn the_type_stays() {
        let before = calendar(CalendarType::Google, "", "", "token", "");
        let mut after = calendar(CalendarType::Graph, "", "", "token", "");
        assert!(check(&mut after, Some(&before), Timestamp::from_micros(0)).is_err());
    }
}
