//! A list that can be followed, and the frames that tell of it.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use axum::extract::ws::Utf8Bytes;
use serde_json::value::RawValue;
use uuid::Uuid;

use bin_common_handler::listenhandler::{RouteInfo, Views};

use super::{
    frames::{Numbers, ServerFrame},
    hub::Audiences,
    outbox::Outbox,
};

/// A list that can be followed.
pub(super) struct Scope {
    pub name: &'static str,
    pub service: &'static str,
    pub topic: &'static str,
    /// The field of its events that names the account which may see them.
    pub account_field: Option<&'static str>,
    /// What each account sees of an event.
    pub views: Option<Views>,
    pub route: RouteInfo,
    /// The number of its last event that anybody here followed.
    pub last_seq: AtomicI64,
}

impl Scope {
    /// Whether keys that are bound to an account may follow it.
    pub(super) fn is_for_accounts(&self) -> bool {
        self.account_field.is_some() || self.views.is_some()
    }

    /// Puts an event into these outboxes, once for a socket, in whatever scopes it is.
    pub(super) fn tell(
        &self,
        r#type: &str,
        data: &RawValue,
        followers: Vec<(Uuid, Arc<Outbox>)>,
        heard: &mut Audiences,
    ) {
        if followers.is_empty() {
            return;
        }
        let frame = self.frame(r#type, data);
        for (socket, outbox) in followers {
            if heard.told.insert(socket) && outbox.push(&frame) {
                heard.crowded.push(outbox);
            }
        }
    }

    /// Says that it is followed from here on: what was before is in the list.
    pub(super) fn subscribed(&self) -> Utf8Bytes {
        ServerFrame::Subscribed {
            scope: self.name,
            last_seq: self.last_seq.load(Ordering::Relaxed),
            last_note_seq: None,
        }
        .text()
    }

    /// The account that an event is about.
    pub(super) fn account_of(&self, data: &RawValue) -> Option<Uuid> {
        let field = self.account_field?;
        let fields: HashMap<String, &RawValue> = serde_json::from_str(data.get()).ok()?;
        serde_json::from_str(fields.get(field)?.get()).ok()
    }

    fn frame(&self, r#type: &str, data: &RawValue) -> Utf8Bytes {
        let seq = self.last_seq.fetch_add(1, Ordering::Relaxed) + 1;
        let scope = self.name;
        ServerFrame::Ev {
            scope,
            numbers: Numbers { seq, note_seq: 0 },
            r#type,
            data,
        }
        .text()
    }
}
