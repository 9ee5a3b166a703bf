//! The words of a route table that say how a route is served over HTTP.

use std::{collections::HashMap, time::Duration};

use super::{Access, AddressRate, Check, Document, Export, HttpOptions, Identity, Stream};
use crate::{
    listenhandler::Routes,
    models::{error::Result, role::Roles},
    table::Schema,
    webhooks::twiml,
};

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

    /// The request comes as it was sent (extractor [`Raw`](crate::listenhandler::Raw)): bytes, exact URL, the content type, and these
    /// headers, named in small letters; no other.
    #[must_use]
    pub fn raw(self, headers: &'static [&'static str]) -> Self {
        self.edge(|edge| edge.raw = Some(headers))
    }

    /// People enter this webhook's address in a console, where it has this name.
    #[must_use]
    pub fn entered_as(self, name: &'static str) -> Self {
        self.edge(|edge| edge.entered_as = Some(name))
    }

    /// Its body is a form (extractor [`Form`](crate::listenhandler::Form)); a raw route needs no such word.
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

    pub(in crate::listenhandler) fn edge(mut self, set: impl FnOnce(&mut HttpOptions)) -> Self {
        if let Some(route) = self.routes.last_mut() {
            set(&mut route.info.edge);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listenhandler::{Json, Query};

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
    fn a_word_before_any_route_is_about_none() {
        assert!(Routes::<()>::default().internal().infos().is_empty());
    }
}
