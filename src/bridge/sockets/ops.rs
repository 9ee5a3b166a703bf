//! Frames that a manager declares: each becomes a request to its route, in the name of the socket's key, and the answer a
//! frame. The bridge knows none of them by name.
//!
//! Invariants: a socket has at most [`AT_ONCE`] requests on their way, so one that asks faster than a manager answers is
//! refused; each counts against the rate of its key, as a request over HTTP does.

use std::{collections::HashMap, sync::Arc};

use axum::extract::ws::Utf8Bytes;
use bin_common_handler::{
    ids,
    listenhandler::{Op, RouteInfo},
    models::{
        error::{Error, Result},
        sock,
    },
    requesthandler::Requester,
};
use serde_json::{Map, Value, value::to_raw_value};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::{outbox::Outbox, session::refused};
use crate::bridge::{Limits, NAME, forward::RPC_MAX, keys::Grant, table::Target};

/// Requests of one socket that are on their way.
const AT_ONCE: usize = 16;
/// Longest `ref`, in bytes.
const REF_MAX: usize = 255;
/// Longest field that stands in a path, in bytes.
const PATH_FIELD_MAX: usize = 64;
/// The frame's name, and the caller's own word for it.
const OP: &str = "op";
const REF: &str = "ref";

/// What all sockets share. Clones share it.
#[derive(Clone)]
pub(in crate::bridge) struct Ops(Arc<Shared>);

struct Shared {
    routes: HashMap<&'static str, Declared>,
    requester: Requester,
    limits: Arc<Limits>,
}

/// A frame and where it goes.
struct Declared {
    op: Op,
    service: &'static str,
    route: RouteInfo,
}

/// What one socket asks.
pub(super) struct SocketOps {
    ops: Ops,
    room: Arc<Semaphore>,
    tracker: TaskTracker,
}

impl Ops {
    /// The frames that these routes, (manager's name, route), declare.
    pub(in crate::bridge) fn new<'r>(
        routes: impl Iterator<Item = (&'static str, &'r RouteInfo)>,
        requester: Requester,
        limits: Arc<Limits>,
    ) -> Self {
        let declared = routes.filter_map(|(service, route)| {
            let op = route.edge.op?;
            let route = route.clone();
            Some((op.name, Declared { op, service, route }))
        });
        Self(Arc::new(Shared {
            routes: declared.collect(),
            requester,
            limits,
        }))
    }

    /// Those of a socket, whose requests end before the tracker does.
    pub(super) fn for_socket(&self, tracker: &TaskTracker) -> SocketOps {
        SocketOps {
            ops: self.clone(),
            room: Arc::new(Semaphore::new(AT_ONCE)),
            tracker: tracker.clone(),
        }
    }
}

impl SocketOps {
    /// Begins what a frame asks for; its answer comes to the outbox. A refusal that is known at once is returned.
    pub(super) fn begin(
        &self,
        grant: &Grant,
        mut fields: Map<String, Value>,
        outbox: &Arc<Outbox>,
    ) -> Option<Utf8Bytes> {
        let name = take_text(&mut fields, OP);
        let Some(declared) = self.ops.0.routes.get(name.as_str()) else {
            return Some(refused("INVALID_FRAME", ""));
        };
        let asked = take_text(&mut fields, REF);
        if asked.len() > REF_MAX {
            return Some(refused("INVALID_FRAME", &name));
        }
        let word = if asked.is_empty() {
            name
        } else {
            asked.clone()
        };
        let request = match request(declared, grant, fields, asked) {
            Ok(request) => request,
            Err(error) => return Some(refused(error.reason(), &word)),
        };
        let Ok(place) = Arc::clone(&self.room).try_acquire_owned() else {
            return Some(refused("TOO_MANY_REQUESTS", &word));
        };
        let (ops, grant, outbox) = (self.ops.clone(), grant.clone(), Arc::clone(outbox));
        let (service, answer) = (declared.service, declared.op.answer);
        self.tracker.spawn(async move {
            let _place = place;
            let answered = ops.0.ask(service, &request, &grant).await;
            if let Some(frame) = told(answer, answered, &word) {
                outbox.push(&frame);
            }
        });
        None
    }
}

impl Shared {
    async fn ask(
        &self,
        service: &'static str,
        request: &sock::Request,
        grant: &Grant,
    ) -> Result<Value> {
        if let Grant::Key(key) = grant {
            self.limits.take(key).await?;
        }
        let reply = self.requester.send(service, request, RPC_MAX).await?;
        if reply.status_code >= 400 {
            return Err(Error::from_reply(&reply));
        }
        serde_json::from_str(reply.body()).map_err(Error::internal)
    }
}

/// The request that a frame stands for.
///
/// # Errors
/// 403 when the key may not; 400 `INVALID_FRAME` when a field of the path is missing, or none.
fn request(
    declared: &Declared,
    grant: &Grant,
    mut fields: Map<String, Value>,
    key: String,
) -> Result<sock::Request> {
    let route = &declared.route;
    grant.allow(&Target {
        service: declared.service,
        route,
        path: route.template,
    })?;
    let uri = uri(route.template, &mut fields)?;
    let mut request = sock::Request::new(route.method, uri, NAME);
    request.request_id = ids::next().to_string();
    request.customer_id = grant.scope().customer_id();
    request.access_key_id = grant.access_key_id();
    request.account_id = grant.account_id();
    if request.account_id.is_some() {
        request.scopes = grant.scopes().to_vec();
    }
    request.idempotency_key = (!key.is_empty()).then_some(key);
    request.data = Some(to_raw_value(&fields).map_err(Error::internal)?);
    "application/json".clone_into(&mut request.data_type);
    Ok(request)
}

/// The template with its placeholders filled: `<x-id>` by the field `x_id`, which is taken out.
fn uri(template: &str, fields: &mut Map<String, Value>) -> Result<String> {
    let mut parts = Vec::new();
    for part in template.split('/') {
        let placeholder = part
            .strip_prefix('<')
            .and_then(|part| part.strip_suffix('>'));
        let Some(name) = placeholder else {
            parts.push(part.to_owned());
            continue;
        };
        let value = take_text(fields, &name.replace('-', "_"));
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if !(1..=PATH_FIELD_MAX).contains(&value.len()) || !value.bytes().all(is_plain) {
            return Err(Error::invalid_argument(
                "INVALID_FRAME",
                "A field that says what the frame is about is missing, or no id.",
            ));
        }
        parts.push(value);
    }
    Ok(parts.join("/"))
}

/// The text of a field, which is taken out; empty where there is none.
fn take_text(fields: &mut Map<String, Value>, name: &str) -> String {
    match fields.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// The frame that tells what became of it; nothing where only refusals are told.
fn told(answer: &str, answered: Result<Value>, word: &str) -> Option<Utf8Bytes> {
    let reply = match answered {
        Err(error) => return Some(refused(error.reason(), word)),
        Ok(_) if answer.is_empty() => return None,
        Ok(reply) => reply,
    };
    let mut frame = match reply {
        Value::Object(fields) => fields,
        other => Map::from_iter([("data".to_owned(), other)]),
    };
    frame.insert(OP.to_owned(), answer.into());
    frame.insert(REF.to_owned(), word.into());
    Some(Value::Object(frame).to_string().into())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[rstest]
    #[case::id(json!({"auction_id": "0f-1", "amount": 5}), Some("/v1/auctions/0f-1/bids"))]
    #[case::none(json!({"amount": 5}), None)]
    #[case::number(json!({"auction_id": 5}), None)]
    #[case::climbing(json!({"auction_id": "../calls"}), None)]
    #[case::query(json!({"auction_id": "a?b=c"}), None)]
    #[case::placeholder(json!({"auction_id": "<auction-id>"}), None)]
    #[case::empty(json!({"auction_id": ""}), None)]
    #[case::long(json!({"auction_id": "a".repeat(65)}), None)]
    fn a_placeholder_is_filled_by_an_id_only(#[case] given: Value, #[case] expected: Option<&str>) {
        let mut fields = fields(given);
        let made = uri("/v1/auctions/<auction-id>/bids", &mut fields);
        assert_eq!(made.ok().as_deref(), expected);
        assert_eq!(fields.get("auction_id"), None);
    }

    #[test]
    fn an_answer_has_the_fields_of_the_reply_and_the_callers_word() {
        let said = told("ack", Ok(json!({"id": 7, "op": "other"})), "mine").unwrap();
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said, json!({"op": "ack", "ref": "mine", "id": 7}));
        let refused = told("", Err(Error::not_found("GONE", "x")), "mine").unwrap();
        let refused: Value = serde_json::from_str(&refused).unwrap();
        assert_eq!(refused, json!({"op": "err", "code": "GONE", "ref": "mine"}));
        assert_eq!(told("", Ok(json!({})), "mine"), None);
    }
}
