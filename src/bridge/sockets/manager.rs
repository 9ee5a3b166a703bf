//! What sockets ask of managers: where a room is, and what becomes of a client's frame. The routes say which.

use std::{borrow::Cow, sync::Arc, time::Duration};

use serde::Deserialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};
use uuid::Uuid;

use bin_common_handler::{
    ids,
    listenhandler::{Op, RouteInfo},
    models::{
        error::{Error, Result},
        sock::Request,
    },
    requesthandler::Requester,
};

use super::{
    frames::{REF, ToldFrame},
    rooms::RoomKind,
};
use crate::bridge::{Limits, NAME, keys::Grant, table::Target};

/// How long a manager may take.
const ASK_MAX: Duration = Duration::from_secs(5);
/// Longest `ref`, in bytes.
const REF_MAX: usize = 255;

/// A frame that clients may send, and where it goes.
struct OpRoute {
    service: &'static str,
    route: RouteInfo,
    op: Op,
}

/// The managers behind the sockets.
pub(in crate::bridge) struct Managers {
    requester: Requester,
    limits: Arc<Limits>,
    ops: Vec<OpRoute>,
}

/// Where a room is, and some of what happened in it.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    pub ok: bool,
    pub last_seq: i64,
    #[serde(default)]
    pub last_note_seq: i64,
    pub oldest_seq: i64,
    pub events: Vec<Box<RawValue>>,
}

/// What is read of an event that is told again.
#[derive(Debug, Deserialize)]
pub(super) struct Replayed<'e> {
    pub seq: i64,
    #[serde(default)]
    pub note_seq: i64,
    #[serde(borrow)]
    pub r#type: Cow<'e, str>,
}

impl Managers {
    pub(in crate::bridge) fn new<'r>(
        requester: Requester,
        limits: Arc<Limits>,
        routes: impl Iterator<Item = (&'static str, &'r RouteInfo)>,
    ) -> Self {
        let ops = routes.filter_map(|(service, route)| {
            Some(OpRoute {
                service,
                route: route.clone(),
                op: route.edge.op?,
            })
        });
        Self {
            ops: ops.collect(),
            requester,
            limits,
        }
    }

    /// The frame of this name, if any manager wants it.
    pub(super) fn op(&self, name: &str) -> Option<Op> {
        self.op_route(name).map(|known| known.op)
    }

    fn op_route(&self, name: &str) -> Option<&OpRoute> {
        self.ops.iter().find(|known| known.op.name == name)
    }

    /// Passes a frame on; what came of it. It counts against the rate of its key, as a request over HTTP does.
    ///
    /// # Errors
    /// 400 where an id is missing, 403, 429, and whatever the manager says.
    pub(super) async fn tell(
        &self,
        grant: &Grant,
        connection_id: Uuid,
        mut frame: ToldFrame,
    ) -> Result<Box<RawValue>> {
        let known = self
            .op_route(&frame.op)
            .ok_or_else(|| invalid("There is no such frame."))?;
        let word = frame.word().map(str::to_owned);
        if word.as_ref().is_some_and(|word| word.len() > REF_MAX) {
            return Err(invalid("ref must have at most 255 bytes."));
        }
        allow(grant, known.service, &known.route)?;
        frame.fields.remove(REF);
        let uri = filled(known.route.template, |field| {
            let id = frame.fields.remove(field)?;
            id.as_str()?.parse().ok()
        })?;
        if known.op.has_connection {
            let id = Value::from(connection_id.to_string());
            frame.fields.insert("connection_id".to_owned(), id);
        }
        let mut request = envelope(grant, &known.route, uri)
            .json(&frame.fields)
            .map_err(Error::internal)?;
        request.idempotency_key = word;
        if let Grant::Key(key) = grant {
            self.limits.take(key).await?;
        }
        self.count_visitor(grant).await?;
        self.ask(known.service, &request).await
    }

    /// Counts something that a visitor asks for, as anybody may be one. Keys are counted by what they send only: all who
    /// share one come again at the same time.
    ///
    /// # Errors
    /// 429.
    pub(super) async fn count_visitor(&self, grant: &Grant) -> Result<()> {
        match grant.visitor_id() {
            Some(session) => self.limits.take_visitor(session).await,
            None => Ok(()),
        }
    }

    /// Where a room is, and what happened in it after `after` (number, number of private notes).
    ///
    /// # Errors
    /// 404 and whatever else the manager says.
    pub(super) async fn page(
        &self,
        grant: &Grant,
        (kind, id): (&RoomKind, Uuid),
        after: (Option<i64>, Option<i64>),
    ) -> Result<Page> {
        let mut uri = filled(kind.route.template, |_| Some(id))?;
        let query = [("after_seq", after.0), ("after_note_seq", after.1)];
        for (mark, (name, value)) in ['?', '&'].into_iter().zip(
            query
                .into_iter()
                .filter_map(|(name, value)| Some((name, value?))),
        ) {
            uri.push_str(&format!("{mark}{name}={value}"));
        }
        let request = envelope(grant, &kind.route, uri);
        let answer = self.ask(kind.service, &request).await?;
        serde_json::from_str(answer.get()).map_err(Error::internal)
    }

    /// Whether there is such a room for this caller.
    ///
    /// # Errors
    /// 404 and whatever else the manager says.
    pub(super) async fn look(&self, grant: &Grant, kind: &RoomKind, id: Uuid) -> Result<()> {
        let uri = filled(kind.route.template, |_| Some(id))?;
        let request = envelope(grant, &kind.route, uri);
        self.ask(kind.service, &request).await.map(drop)
    }

    async fn ask(&self, service: &str, request: &Request) -> Result<Box<RawValue>> {
        let reply = self.requester.send(service, request, ASK_MAX).await?;
        if reply.status_code >= 400 {
            return Err(Error::from_reply(&reply));
        }
        match reply.body() {
            "" => to_raw_value(&()).map_err(Error::internal),
            body => serde_json::from_str(body).map_err(Error::internal),
        }
    }
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::invalid_argument("INVALID_FRAME", message)
}

fn allow(grant: &Grant, service: &'static str, route: &RouteInfo) -> Result<()> {
    grant.allow(&Target {
        service,
        route,
        path: route.template,
    })
}

fn envelope(grant: &Grant, route: &RouteInfo, uri: String) -> Request {
    let mut request = Request::new(route.method, uri, NAME);
    request.request_id = ids::next().to_string();
    request.customer_id = grant.scope().customer_id();
    request.access_key_id = grant.access_key_id();
    request.account_id = grant.account_id();
    request.visitor_id = grant.visitor_id();
    (request.role, request.user_id) = grant.person();
    if request.account_id.is_some() {
        request.scopes = grant.scopes().to_vec();
    }
    request
}

/// A template with the ids that `id` gives for `<x-id>` by the name `x_id`.
fn filled(template: &str, mut id: impl FnMut(&str) -> Option<Uuid>) -> Result<String> {
    let mut uri = String::with_capacity(template.len());
    for part in template.split('/').skip(1) {
        uri.push('/');
        match part.strip_prefix('<').and_then(|it| it.strip_suffix('>')) {
            None => uri.push_str(part),
            Some(name) => {
                let name = name.replace('-', "_");
                let id = id(&name).ok_or_else(|| invalid(format!("{name} must be an id.")))?;
                uri.push_str(&id.to_string());
            }
        }
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frames_ids_fill_the_template() {
        let id = Uuid::from_u128(7);
        let fill = |name: &str| (name == "conversation_id").then_some(id);
        let uri = filled("/v1/conversations/<conversation-id>/read", fill).unwrap();
        assert_eq!(uri, format!("/v1/conversations/{id}/read"));
        let missing = filled("/v1/queues/<queue-id>", fill).unwrap_err();
        assert!(missing.message().contains("queue_id"));
    }
}
