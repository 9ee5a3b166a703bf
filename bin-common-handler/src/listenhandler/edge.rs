//! How a route is served over HTTP: declared beside the route, carried out by the bridge, which thus needs
//! to know no route by name. The words of a route table that set it stand in `words`.

mod words;

use std::{collections::HashMap, time::Duration};

use super::{
    live::{Carrier, Op, Room, Views, VisitorIdentity},
    query::parse_query,
};
use crate::{
    models::{error::Result, role::Roles},
    table::Schema,
};

/// Total time of an HTTP request whose route says nothing else.
const WITHIN: Duration = Duration::from_secs(30);

/// How a route is served over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpOptions {
    /// Not served over HTTP at all.
    pub is_internal: bool,
    /// Who may call it.
    pub access: Access,
    /// Which keys with a role may call it; nothing said = the usual ones.
    pub roles: Option<Roles>,
    /// Keys that are bound to an account may call it with one of these scopes, too; the manager confines them.
    pub bound_scopes: &'static [&'static str],
    /// From the request's headers to its answer; what takes longer is 503 `REQUEST_TIMEOUT`.
    pub within: Duration,
    /// Answered as soon as the request is safely taken, before it is worked on.
    pub is_deferred: bool,
    /// What a deferred request must hold for anybody to work on it.
    pub check: Option<Check>,
    /// The access key may also come as the query parameter `key`.
    pub takes_key_in_query: bool,
    /// Errors are `{"success":false,"error","message"}` and the fields of their first detail.
    pub has_flat_errors: bool,
    /// The field of the reply that callers may have as bare text.
    pub text_field: Option<&'static str>,
    /// The field of the reply that callers who ask for `format=csv` have as a file.
    pub csv_field: Option<&'static str>,
    /// The field of the reply that callers always have bare, as a document.
    pub document: Option<Document>,
    /// The reply is a file: `{name, media_type, content_base64}`, which callers get as such, to be saved and not shown.
    pub is_file: bool,
    /// A body of a public route that is as large as others may be.
    pub is_large: bool,
    /// How often one address may ask a public route, beside the rate of all such routes.
    pub address_rate: Option<AddressRate>,
    /// The field of the reply that callers see once more under the second name.
    pub repeated_field: Option<(&'static str, &'static str)>,
    /// A field of that field which callers see under the second name only.
    pub only_repeated: Option<&'static str>,
    /// A bulk body may also be an uploaded CSV or JSON file with these columns.
    pub upload: Option<&'static Schema>,
    /// Of these bodies, only what says that it is a form or CSV; JSON is passed on as it is.
    pub is_plain_json: bool,
    /// The reply is a page of a download.
    pub export: Option<Export>,
    /// The request is passed on as it came, with these of its headers (in small letters) and its content type.
    pub raw: Option<&'static [&'static str]>,
    /// What the console of whoever calls this webhook calls its address; people have to enter it there.
    pub entered_as: Option<&'static str>,
    /// Its body may be a form, which is passed on as a text.
    pub is_form: bool,
    /// The list can be followed over a socket.
    pub stream: Option<Stream>,
    /// The bridge asks here whose an access key is.
    pub identity: Option<Identity>,
    /// What sockets of the bridge may follow by asking here.
    pub room: Option<Room>,
    /// The frame of sockets that is passed on to here.
    pub op: Option<Op>,
    /// Each frame of a socket of its own is carried to here.
    pub carrier: Option<Carrier>,
    /// Visitors may ask, too; the manager confines them.
    pub is_for_visitors: bool,
    /// The bridge asks here whose a visitor's token is.
    pub visitors: Option<VisitorIdentity>,
}

/// How callers are known by access keys: declared on the route that verifies them, by the manager that owns them.
///
/// The bridge posts `{"prefix", "hash"}`: the beginning of a key, and the SHA-256 of all of it in hex.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// What every key starts with, e.g. `did_`; 64 hex digits follow.
    pub key_prefix: &'static str,
    /// Resources in the routing keys of events after which no answer is believed any more, e.g. `accesskey`.
    pub topics: &'static [&'static str],
}

/// A list whose changes are told to those who follow it over a socket of the bridge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// What clients subscribe to, e.g. `notes`.
    pub scope: &'static str,
    /// The resource in the events' routing keys, e.g. `note`.
    pub topic: &'static str,
    /// The field of an event's data that names the account which may see it; none = keys that are bound to an account
    /// may not follow.
    pub account_field: Option<&'static str>,
    /// What each account sees of an event that none may see whole.
    pub views: Option<Views>,
}

/// Looks at the query and the body (empty where there is none) of a request without knowing whose it is.
#[derive(Debug, Clone, Copy)]
pub struct Check(fn(&HashMap<String, String>, &str) -> Result<()>);

impl Check {
    /// Looks at a request.
    ///
    /// # Errors
    /// 400 for what nobody could work on.
    pub fn run(self, uri: &str, body: &str) -> Result<()> {
        let (_, query) = uri.split_once('?').unwrap_or((uri, ""));
        (self.0)(&parse_query(query), body)
    }
}

impl PartialEq for Check {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for Check {}

/// Who may call a route over HTTP. The bootstrap key may call every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// `<word>:read` for reads and `<word>:write` for effects; the word is the service's name up to its
    /// first `-`. A key that may write may also read.
    #[default]
    ByEffect,
    /// Keys with this scope.
    Scope(&'static str),
    /// The bootstrap key only.
    Operator,
    /// Anybody, without a key: its handler says who they are.
    Public,
}

/// An answer that is a document of its own, and no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document {
    /// The field of the reply that holds it.
    pub field: &'static str,
    /// Its media type, e.g. `text/calendar; charset=utf-8`.
    pub media_type: &'static str,
}

/// How often strangers of one address may ask a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRate {
    /// Requests a second in the long run.
    pub per_second: u32,
    /// Requests at once.
    pub burst: u32,
}

/// A download made of many pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Export {
    /// Its media type, e.g. `text/csv`.
    pub content_type: &'static str,
    /// The name under which it is saved.
    pub file_name: &'static str,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            is_internal: false,
            access: Access::ByEffect,
            roles: None,
            bound_scopes: &[],
            within: WITHIN,
            is_deferred: false,
            check: None,
            takes_key_in_query: false,
            has_flat_errors: false,
            text_field: None,
            csv_field: None,
            document: None,
            is_file: false,
            is_large: false,
            address_rate: None,
            repeated_field: None,
            only_repeated: None,
            upload: None,
            is_plain_json: false,
            export: None,
            raw: None,
            entered_as: None,
            is_form: false,
            stream: None,
            identity: None,
            room: None,
            op: None,
            carrier: None,
            is_for_visitors: false,
            visitors: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::error::Error;

    #[test]
    fn a_check_sees_query_and_body() {
        let check = Check(
            |query, body| match (query.get("a").map(String::as_str), body) {
                (Some("+1"), "{}") => Ok(()),
                _ => Err(Error::invalid_argument("A", "b")),
            },
        );
        assert!(check.run("/v1/x?a=%2B1", "{}").is_ok());
        assert!(check.run("/v1/x?a=2", "{}").is_err());
        assert!(check.run("/v1/x", "").is_err());
    }
}
