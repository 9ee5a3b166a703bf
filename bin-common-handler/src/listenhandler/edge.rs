//! How a route is served over HTTP: declared beside the route, carried out by the bridge, which thus needs
//! to know no route by name.

use std::{collections::HashMap, time::Duration};

use super::{
    Routes,
    live::{Carrier, Op, Room, Views, VisitorIdentity},
    query::parse_query,
};
use crate::{
    models::{error::Result, role::Roles},
    table::Schema,
    webhooks::twiml,
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

/// Words about HTTP; each is about the route before it.
impl<S: Clone + Send + Sync + 'static> Routes<S> {
    /// Not served over HTTP: for other services only.
    #[must_use]
    pub fn internal(self) -> Self {
        self.edge(|edge| edge.is_internal = true)
    }

    /// The bridge asks here whose an access key is. Only one route of an installation says so.
    #[must_use]
    pub fn verifies_keys(self, identity: Identity) -> Self {
        self.edge(|edge| edge.identity = Some(identity))
    }

    /// The list can be followed over a socket under the name `scope`, by whoever may read it: the events of the
    /// resource `topic` of this manager are sent as they happen. Events need the tenant that they are of.
    #[must_use]
    pub fn stream(self, scope: &'static str, topic: &'static str) -> Self {
        self.edge(|edge| {
            edge.stream = Some(Stream {
                scope,
                topic,
                account_field: None,
                views: None,
            });
        })
    }

    /// Keys that are bound to an account may follow the list, too: they get the events whose data has their account's id
    /// in `field`. Only for data that this account may see whole.
    #[must_use]
    pub fn stream_to(self, field: &'static str) -> Self {
        self.edge(|edge| {
            if let Some(stream) = &mut edge.stream {
                stream.account_field = Some(field);
            }
        })
    }

    /// An access key needs `scope`, e.g. `did:next`.
    #[must_use]
    pub fn scope(self, scope: &'static str) -> Self {
        self.edge(|edge| edge.access = Access::Scope(scope))
    }

    /// An access key that is bound to an account may have one of these scopes in its place.
    #[must_use]
    pub fn or_bound(self, scopes: &'static [&'static str]) -> Self {
        self.edge(|edge| edge.bound_scopes = scopes)
    }

    /// Strangers of one address may ask so often, beside the rate of all public routes.
    #[must_use]
    pub fn address_rate(self, rate: AddressRate) -> Self {
        self.edge(|edge| edge.address_rate = Some(rate))
    }

    /// Keys that carry a role need one of these.
    #[must_use]
    pub fn roles(self, roles: Roles) -> Self {
        self.edge(|edge| edge.roles = Some(roles))
    }

    /// The table of roles, for routes that are declared elsewhere: each by `<METHOD> <template>`.
    #[must_use]
    pub fn with_roles(mut self, table: &[(&str, Roles)]) -> Self {
        for route in &mut self.routes {
            let name = format!("{} {}", route.info.method, route.info.template);
            let row = table.iter().find(|(known, _)| *known == name);
            if let Some((_, roles)) = row {
                route.info.edge.roles = Some(*roles);
            }
        }
        self
    }

    /// Only the bootstrap key opens it.
    #[must_use]
    pub fn operator_only(self) -> Self {
        self.edge(|edge| edge.access = Access::Operator)
    }

    /// Anybody may call it, without a key, as often as one address may. The request has no tenant: its handler finds out
    /// whose it is, and verifies that.
    #[must_use]
    pub fn public(self) -> Self {
        self.edge(|edge| edge.access = Access::Public)
    }

    /// The request comes as it was sent (extractor [`Raw`](super::Raw)): bytes, exact URL, the content type, and these
    /// headers, named in small letters; no other.
    #[must_use]
    pub fn raw(self, headers: &'static [&'static str]) -> Self {
        self.edge(|edge| edge.raw = Some(headers))
    }

    /// Its body is a form (extractor [`Form`](super::Form)); a raw route needs no such word.
    #[must_use]
    pub fn form(self) -> Self {
        self.edge(|edge| edge.is_form = true)
    }

    /// The caller is answered within `total`, by 503 when nothing else is known then.
    #[must_use]
    pub fn within(self, total: Duration) -> Self {
        self.edge(|edge| edge.within = total)
    }

    /// The caller is answered when the broker has the request (inside one process: when it was done); it is
    /// tried again while it fails.
    #[must_use]
    pub fn deferred(self) -> Self {
        self.edge(|edge| edge.is_deferred = true)
    }

    /// Refused before it is taken where `check` says so: who is told that a deferred request is safe hears nothing more.
    #[must_use]
    pub fn checked(self, check: fn(&HashMap<String, String>, &str) -> Result<()>) -> Self {
        self.edge(|edge| edge.check = Some(Check(check)))
    }

    /// The access key may also come as the query parameter `key`, for callers that can send no header.
    #[must_use]
    pub fn key_in_query(self) -> Self {
        self.edge(|edge| edge.takes_key_in_query = true)
    }

    /// Errors as `{"success":false,"error":"no_did_available","message":…}` and the fields of `details[0]`.
    #[must_use]
    pub fn flat_errors(self) -> Self {
        self.edge(|edge| edge.has_flat_errors = true)
    }

    /// Callers that accept `text/plain`, or ask for `format=text`, get this field of the reply bare.
    #[must_use]
    pub fn text(self, field: &'static str) -> Self {
        self.edge(|edge| edge.text_field = Some(field))
    }

    /// Callers that ask for `format=csv`, which the manager sees as well, get this field of the reply bare, as
    /// CSV.
    #[must_use]
    pub fn csv(self, field: &'static str) -> Self {
        self.edge(|edge| edge.csv_field = Some(field))
    }

    /// Callers get this field of the reply bare, as XML, as carriers want the answer to a webhook. Errors stay JSON.
    #[must_use]
    pub fn xml(self, field: &'static str) -> Self {
        self.document(field, twiml::MEDIA_TYPE)
    }

    /// Callers get this field of the reply bare, as a document of that media type. Errors stay JSON.
    #[must_use]
    pub fn document(self, field: &'static str, media_type: &'static str) -> Self {
        self.edge(|edge| edge.document = Some(Document { field, media_type }))
    }

    /// Callers get the file in the reply (`{name, media_type, content_base64}`), to be saved and never shown in place: browsers
    /// are told not to guess what it is, and to run nothing of it. Errors stay JSON.
    #[must_use]
    pub fn file(self) -> Self {
        self.edge(|edge| edge.is_file = true)
    }

    /// Its body may be as large as those of routes that ask for a key, although it is public.
    #[must_use]
    pub fn large(self) -> Self {
        self.edge(|edge| edge.is_large = true)
    }

    /// Callers see this field of the reply under another name as well, where older scripts look for it. Other services
    /// do not: it would only be carried twice.
    #[must_use]
    pub fn repeat(self, field: &'static str, other_name: &'static str) -> Self {
        self.edge(|edge| edge.repeated_field = Some((field, other_name)))
    }

    /// Of the field that is repeated, callers see its field `inner` under the second name only: some scripts take it by
    /// its pattern, and two of them are none.
    #[must_use]
    pub fn only_repeated(self, inner: &'static str) -> Self {
        self.edge(|edge| edge.only_repeated = Some(inner))
    }

    /// Rows may also come as an uploaded file, CSV or JSON, with these columns; for bulk routes.
    #[must_use]
    pub fn upload(self, schema: &'static Schema) -> Self {
        self.edge(|edge| edge.upload = Some(schema))
    }

    /// As [`Self::upload`], for a form or CSV alone: JSON is answered as other services see it.
    #[must_use]
    pub fn files(self, schema: &'static Schema) -> Self {
        self.edge(|edge| {
            edge.upload = Some(schema);
            edge.is_plain_json = true;
        })
    }

    /// Replies `{"text","next_page_token"}` are asked for until the token is empty, and sent as one file.
    #[must_use]
    pub fn export(self, content_type: &'static str, file_name: &'static str) -> Self {
        let export = Export {
            content_type,
            file_name,
        };
        self.edge(|edge| edge.export = Some(export))
    }

    pub(super) fn edge(mut self, set: impl FnOnce(&mut HttpOptions)) -> Self {
        if let Some(route) = self.routes.last_mut() {
            set(&mut route.info.edge);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        listenhandler::{Json, Query},
        models::error::Error,
    };

    async fn nothing(_: Query) -> Result<Json<()>> {
        Ok(Json(()))
    }

    #[test]
    fn a_word_is_about_the_route_before_it_and_no_other() {
        let infos = Routes::<()>::default()
            .get("/v1/a", nothing)
            .get("/v1/b", nothing)
            .scope("b:next")
            .within(Duration::from_millis(900))
            .text("number")
            .repeat("number", "data")
            .get("/v1/c", nothing)
            .infos();
        let edges: Vec<_> = infos.iter().map(|info| info.edge).collect();
        let second = HttpOptions {
            access: Access::Scope("b:next"),
            within: Duration::from_millis(900),
            text_field: Some("number"),
            repeated_field: Some(("number", "data")),
            ..HttpOptions::default()
        };
        assert_eq!(
            edges,
            [HttpOptions::default(), second, HttpOptions::default()]
        );
    }

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

    #[test]
    fn a_word_before_any_route_is_about_none() {
        assert!(Routes::<()>::default().internal().infos().is_empty());
    }
}
