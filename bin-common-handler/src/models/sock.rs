//! The three envelopes: request, response, event.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;

use super::{
    identity::{optional_owner, optional_uuid},
    role::Role,
    text::null_is_default,
};
use crate::trace::TraceContext;

/// The largest request or reply body that is read, in bytes.
pub const BODY_LIMIT: usize = 1024 * 1024;

const JSON: &str = "application/json";

/// What the request wants done. Upper case on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Read, or an effect whose route says so.
    Get,
    /// Create, or act.
    Post,
    /// Change.
    Put,
    /// Remove.
    Delete,
}

impl Method {
    /// As on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// From its wire form; the case must match.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Get, Self::Post, Self::Put, Self::Delete]
            .into_iter()
            .find(|method| method.as_str() == text)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request as it travels. `data` is raw JSON and is read only by the handler that wants it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Request {
    /// Path and query, e.g. `/v1/outdials?page_size=10`.
    pub uri: String,
    /// What to do.
    pub method: Method,
    /// Name of the service that asks.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub publisher: String,
    /// Media type of `data`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub data_type: String,
    /// The body, raw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
    /// Correlation for logs only.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub request_id: String,
    /// When present, everything is confined to this tenant.
    #[serde(
        default,
        deserialize_with = "optional_owner",
        skip_serializing_if = "Option::is_none"
    )]
    pub customer_id: Option<Uuid>,
    /// When present, an effect is done once under this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The access key that asks, where one does.
    #[serde(
        default,
        deserialize_with = "optional_uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub access_key_id: Option<Uuid>,
    /// The account that the access key is bound to; everything is confined to it.
    #[serde(
        default,
        deserialize_with = "optional_uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub account_id: Option<Uuid>,
    /// The visitor's session that asks, where one does: everything is confined to what it is about.
    #[serde(
        default,
        deserialize_with = "optional_uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub visitor_id: Option<Uuid>,
    /// What the access key may do.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub scopes: Vec<String>,
    /// The role that the access key carries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The user that the access key stands for.
    #[serde(
        default,
        deserialize_with = "optional_uuid",
        skip_serializing_if = "Option::is_none"
    )]
    pub user_id: Option<Uuid>,
    /// The request id that the client itself chose; one that the bridge made up is not told here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_request_id: Option<String>,
    /// The trace that it belongs to: in a header beside the envelope.
    #[serde(skip)]
    pub trace: Option<TraceContext>,
}

impl Request {
    /// A request without a body.
    pub fn new(method: Method, uri: impl Into<String>, publisher: &str) -> Self {
        Self {
            uri: uri.into(),
            method,
            publisher: publisher.to_owned(),
            data_type: String::new(),
            data: None,
            request_id: String::new(),
            customer_id: None,
            idempotency_key: None,
            access_key_id: None,
            account_id: None,
            visitor_id: None,
            scopes: Vec::new(),
            role: None,
            user_id: None,
            client_request_id: None,
            trace: None,
        }
    }

    /// The same request with `body` as its JSON data.
    ///
    /// # Errors
    /// When `body` has no JSON form.
    pub fn json(mut self, body: &impl Serialize) -> serde_json::Result<Self> {
        self.data = Some(to_raw_value(body)?);
        JSON.clone_into(&mut self.data_type);
        Ok(self)
    }
}

/// A reply as it travels.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Response {
    /// HTTP-like status code.
    pub status_code: u16,
    /// Media type of `data`, or `voipbin_error`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub data_type: String,
    /// The body, raw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

impl Response {
    /// `data_type` of a typed error.
    pub const ERROR_TYPE: &'static str = "voipbin_error";

    /// 200 with a JSON body.
    pub fn ok(body: &impl Serialize) -> Self {
        Self::with(200, JSON, body)
    }

    /// Any status with a JSON body. A body without a JSON form is a fault of ours: 500.
    pub fn with(status_code: u16, data_type: &str, body: &impl Serialize) -> Self {
        to_raw_value(body).map_or_else(
            |_| Self {
                status_code: 500,
                data_type: JSON.to_owned(),
                data: None,
            },
            |data| Self {
                status_code,
                data_type: data_type.to_owned(),
                data: Some(data),
            },
        )
    }

    /// The body as text, `null` when absent.
    pub fn body(&self) -> &str {
        self.data.as_ref().map_or("null", |data| data.get())
    }
}

/// An event as it travels: the whole entity, after its change.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    /// `<resource>_<action>`, e.g. `outdial_created`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Name of the daemon whose entity it is.
    pub publisher: String,
    /// Media type of `data`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub data_type: String,
    /// The entity, raw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Box<RawValue>>,
}

impl Event {
    /// An event with a JSON entity.
    pub fn new(kind: &str, publisher: &str, data: Box<RawValue>) -> Self {
        Self {
            kind: kind.to_owned(),
            publisher: publisher.to_owned(),
            data_type: JSON.to_owned(),
            data: Some(data),
        }
    }

    /// The topic of the event: `<publisher>.<resource>.<id>.<action>`; nil id is `-`.
    pub fn routing_key(kind: &str, publisher: &str, id: Uuid) -> String {
        let (resource, action) = kind.split_once('_').unwrap_or((kind, "-"));
        if id.is_nil() {
            format!("{publisher}.{resource}.-.{action}")
        } else {
            format!("{publisher}.{resource}.{id}.{action}")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_voipbin_request_is_read_as_it_is() {
        let text = r#"{"uri":"/v1/outdials?page_size=10","method":"GET","publisher":"campaign-manager","data_type":"application/json","data":{"a":1},"request_id":"r","unknown":[]}"#;
        let request: Request = serde_json::from_str(text).unwrap();
        assert_eq!(request.uri, "/v1/outdials?page_size=10");
        assert_eq!(request.method, Method::Get);
        assert_eq!(request.data.unwrap().get(), r#"{"a":1}"#);
        assert_eq!(request.customer_id, None);
    }

    #[test]
    fn our_own_request_is_what_a_go_peer_reads() {
        let request = Request::new(Method::Post, "/v1/outdials", "tandem")
            .json(&json!({"name": "x"}))
            .unwrap();
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"uri":"/v1/outdials","method":"POST","publisher":"tandem","data_type":"application/json","data":{"name":"x"}}"#
        );
    }

    #[test]
    fn who_asks_travels_only_when_it_is_known() {
        let mut request = Request::new(Method::Get, "/v1/a", "");
        request.access_key_id = Some(Uuid::from_u128(1));
        request.client_request_id = Some("1700000000.1".to_owned());
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(
            text,
            r#"{"uri":"/v1/a","method":"GET","data_type":"","access_key_id":"00000000-0000-0000-0000-000000000001","client_request_id":"1700000000.1"}"#
        );
        let read: Request = serde_json::from_str(&text).unwrap();
        assert_eq!(read.access_key_id, request.access_key_id);
        assert_eq!(read.client_request_id, request.client_request_id);
    }

    #[test]
    fn null_is_as_good_as_nothing() {
        let fields = [
            "publisher",
            "data_type",
            "data",
            "request_id",
            "customer_id",
            "idempotency_key",
            "access_key_id",
            "account_id",
            "scopes",
            "client_request_id",
        ];
        let nulls: String = fields.map(|field| format!(r#","{field}":null"#)).concat();
        let read = |text: &str| serde_json::from_str::<Request>(text).unwrap();
        let all = read(&format!(r#"{{"uri":"/v1","method":"GET"{nulls}}}"#));
        let none = read(r#"{"uri":"/v1","method":"GET"}"#);
        assert_eq!(format!("{all:?}"), format!("{none:?}"));
        let text = r#"{"status_code":200,"data_type":null,"data":null}"#;
        let reply: Response = serde_json::from_str(text).unwrap();
        assert_eq!((reply.data_type.as_str(), reply.body()), ("", "null"));
        let text = r#"{"type":"a_b","publisher":"p","data_type":null,"data":null}"#;
        assert!(serde_json::from_str::<Event>(text).is_ok());
    }

    #[test]
    fn a_response_always_has_its_data_type() {
        assert_eq!(
            serde_json::to_string(&Response::ok(&json!([]))).unwrap(),
            r#"{"status_code":200,"data_type":"application/json","data":[]}"#
        );
    }

    #[test]
    fn an_event_golden_form() {
        let event = Event::new(
            "outdial_created",
            "outdial-manager",
            to_raw_value(&json!({"id": 1})).unwrap(),
        );
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"type":"outdial_created","publisher":"outdial-manager","data_type":"application/json","data":{"id":1}}"#
        );
    }

    #[test]
    fn a_routing_key_splits_the_type_at_its_first_underscore() {
        let id = Uuid::from_u128(1);
        assert_eq!(
            Event::routing_key("did_status_changed", "did-manager", id),
            "did-manager.did.00000000-0000-0000-0000-000000000001.status_changed"
        );
        assert_eq!(
            Event::routing_key("pool_exhausted", "did-manager", Uuid::nil()),
            "did-manager.pool.-.exhausted"
        );
    }

    #[test]
    fn an_empty_customer_id_is_no_scope() {
        let scope = |text: &str| serde_json::from_str::<Request>(text).unwrap().customer_id;
        assert_eq!(
            scope(r#"{"uri":"/","method":"GET","customer_id":null}"#),
            None
        );
        assert_eq!(
            scope(r#"{"uri":"/","method":"GET","customer_id":""}"#),
            None
        );
        assert_eq!(
            scope(
                r#"{"uri":"/","method":"GET","customer_id":"{5B1A0000-0000-0000-0000-000000000001}"}"#
            ),
            Some(Uuid::from_u128(0x5B1A_0000_0000_0000_0000_0000_0000_0001))
        );
    }
}
