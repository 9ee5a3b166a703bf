//! A request that a route takes: who asks and whether they may, and how it is passed on.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use uuid::Uuid;

use super::Bridge;
use crate::bridge::{
    NAME, bulk, export,
    forward::{self, Outbound},
    incoming::Incoming,
    keys::Grant,
    raw::{self, RawHead},
    rows::BULK_LIMIT,
    unpack::unpacked,
};
use bin_common_handler::{
    httpserver::Caller,
    listenhandler::{Access, describe::FORM},
    models::{
        error::{Result, Status},
        sock::{self, BODY_LIMIT},
    },
};

/// Whose share of memory the bodies of public routes take.
const STRANGERS: Uuid = Uuid::max();

impl Bridge {
    /// Passes a request of a route on, and answers it.
    ///
    /// # Errors
    /// Whatever keeps it from its manager.
    pub(super) async fn serve(&self, incoming: Incoming<'_>, body: Body) -> Result<Response> {
        let caller = incoming.signer();
        let answered = self.pass_on(incoming, body).await;
        let is_wrong = match &answered {
            Ok(response) => response.status() == StatusCode::FORBIDDEN,
            Err(error) => error.status() == Status::PermissionDenied,
        };
        if let Some(address) = caller.filter(|_| is_wrong) {
            self.limits.forged(address).await;
        }
        answered
    }

    async fn pass_on(&self, incoming: Incoming<'_>, body: Body) -> Result<Response> {
        let grant = self.admit(&incoming).await?;
        let headers = &incoming.head.headers;
        let customer = match &grant {
            Grant::Public => STRANGERS,
            grant => grant.scope().customer_id().unwrap_or_default(),
        };
        let outbound = self.outbound(incoming, &grant)?;
        let edge = outbound.route.edge;
        if outbound.route.is_bulk {
            let _one = self.limits.shares().bulk(customer)?;
            let body = unpacked(headers, body, BULK_LIMIT)?;
            // Boxed, as these are large and seldom: else every request would carry room for them.
            return Box::pin(bulk::forward(outbound, headers, body)).await;
        }
        let body = if outbound.raw.is_some() {
            raw::ensure_plain(headers)?;
            body
        } else {
            unpacked(headers, body, outbound.body_max)?
        };
        let (body, _bytes) = self.limits.shares().metered(customer, body);
        if let Some(file) = edge.export {
            Box::pin(export::forward(outbound, file, body)).await
        } else if edge.is_deferred {
            forward::defer(outbound, body).await
        } else {
            forward::forward(outbound, body).await
        }
    }

    /// Who asks, and whether they may, now.
    async fn admit(&self, incoming: &Incoming<'_>) -> Result<Grant> {
        if incoming.target.route.edge.access == Access::Public {
            if let Some(caller) = incoming.head.extensions.get::<Caller>() {
                if incoming.is_signed() {
                    self.limits.take_webhook(caller.address).await?;
                } else {
                    self.limits.take_address(caller.address).await?;
                }
                if let Some(rate) = incoming.target.route.edge.address_rate {
                    let template = incoming.target.route.template;
                    self.limits
                        .take_route(caller.address, template, rate)
                        .await?;
                }
            }
            if let Some(session) = incoming.visitor() {
                self.limits.take_visitor(session).await?;
            }
            return Ok(Grant::Public);
        }
        let grant = self.keys.check(incoming.shown(), incoming.deadline).await?;
        grant.allow(&incoming.target)?;
        if let Grant::Key(key) = &grant {
            self.limits.take(key).await?;
        }
        Ok(grant)
    }

    fn outbound<'a>(&'a self, incoming: Incoming<'a>, grant: &Grant) -> Result<Outbound<'a>> {
        let route = incoming.target.route;
        let mut envelope = sock::Request::new(route.method, incoming.uri, NAME);
        envelope.request_id.clone_from(&incoming.id.text);
        envelope.trace = Some(incoming.id.trace);
        envelope.customer_id = grant.scope().customer_id();
        envelope.access_key_id = grant.access_key_id();
        envelope.account_id = grant.account_id();
        (envelope.role, envelope.user_id) = grant.person();
        // Only who is confined to an account is judged by them.
        if envelope.account_id.is_some() {
            envelope.scopes = grant.scopes().to_vec();
        }
        let (head, edge) = (incoming.head, route.edge);
        let is_public = *grant == Grant::Public;
        if !is_public {
            // Of strangers one could take another's.
            envelope.client_request_id = incoming.id.given();
            envelope.idempotency_key = forward::idempotency_key(&head.headers, route.is_bulk)?;
        }
        let raw = edge
            .raw
            .map(|chosen| RawHead::read(head, route.method, chosen, &self.public_url));
        Ok(Outbound {
            requester: &self.requester,
            service: incoming.target.service,
            route,
            envelope,
            deadline: incoming.deadline,
            form: incoming.form,
            is_form: edge.is_form && is_form(&head.headers),
            body_max: if !edge.is_large && (is_public || raw.is_some()) {
                raw::BODY_MAX
            } else {
                BODY_LIMIT
            },
            raw,
        })
    }
}

/// Whether the body says that it is a form.
fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.and_then(|kind| kind.split(|byte| *byte == b';').next());
    kind.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(FORM.as_bytes()))
}
