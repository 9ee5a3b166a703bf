//! Request context: what a handler knows about the request it serves.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    models::{
        error::{Error, Result},
        identity::Scope,
        role::Role,
        sock::Request,
        text::hex,
    },
    trace::TraceContext,
};

/// The name of the HTTP bridge, as publisher of requests.
pub const HTTP_BRIDGE: &str = "http-bridge";
/// Who speaks for people: the bridge and the command line.
const FOR_PEOPLE: [&str; 2] = [HTTP_BRIDGE, "tandem"];
/// Longest idempotency key, in bytes.
const KEY_MAX: usize = 255;

/// Who asks, within which tenant, and under which key an effect is done once.
#[derive(Debug, Clone, Default)]
pub struct RequestContext {
    /// The tenant that everything is confined to.
    pub scope: Scope,
    /// Correlation for logs only, and for requests made on this one's behalf.
    pub request_id: String,
    /// Tells one client from another where the transport does: its direct reply-to channel.
    pub caller: Option<String>,
    /// Another service asks, not a person through the bridge or the command line: then what is not said is not
    /// guessed, as in voipbin.
    pub is_service: bool,
    /// The access key that asks, where one does.
    pub access_key_id: Option<Uuid>,
    /// The account that this key is bound to; everything is confined to it.
    pub account_id: Option<Uuid>,
    /// The visitor's session that asks, where one does; everything is confined to what it is about.
    pub visitor_id: Option<Uuid>,
    /// What this key may do.
    pub scopes: Vec<String>,
    /// The role that it carries: its managers confine agents to what is theirs.
    pub role: Option<Role>,
    /// The user that it stands for.
    pub user_id: Option<Uuid>,
    /// The request id that the client itself chose, e.g. an Asterisk uniqueid that is the same on a retry.
    pub client_request_id: Option<String>,
    /// Present on effects; absent on reads and on jobs of our own.
    pub operation: Option<Operation>,
    /// What this is done for where no request asked: `timer:<id>`, `event:<id>`. The same each time it is tried.
    pub origin: Option<String>,
    /// After this nobody waits for the reply.
    pub deadline: Option<tokio::time::Instant>,
    /// Requests that were made for it.
    pub asked: Asked,
}

/// Counts the requests made for one run of some work. A clone starts from where this one stands, so that work that is
/// run again from the same call counts as it did before.
#[derive(Debug, Default)]
pub struct Asked(AtomicU32);

impl Clone for Asked {
    fn clone(&self) -> Self {
        Self(AtomicU32::new(self.0.load(Ordering::Relaxed)))
    }
}

impl RequestContext {
    /// A job of our own: trusted, without an operation key.
    pub fn internal() -> Self {
        Self::default()
    }

    /// How long the caller still waits, where that is known.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        let now = tokio::time::Instant::now();
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(now))
    }

    /// The key of the next request made for this one's effect: the same when all of it is run again in the same
    /// order. Nothing for a read.
    pub(crate) fn next_key(&self) -> Option<String> {
        let own = match (&self.operation, &self.origin) {
            (Some(operation), _) => hex(&operation.key),
            (None, Some(origin)) => origin.clone(),
            (None, None) => return None,
        };
        let nth = self.asked.0.fetch_add(1, Ordering::Relaxed) + 1;
        Some(format!("{own}:{nth}"))
    }

    /// Work of our own that may be tried again.
    pub(crate) fn own(origin: String, scope: Scope) -> Self {
        Self {
            origin: Some(origin),
            scope,
            ..Self::default()
        }
    }

    /// Whether `publisher` is a service of its own.
    pub fn is_service(publisher: &str) -> bool {
        !FOR_PEOPLE.contains(&publisher)
    }
}

/// The identity of one effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// SHA-256 over owner and key: the inbox's primary key.
    pub key: [u8; 32],
    /// SHA-256 over method, uri and body: the same key with another request is refused.
    pub fingerprint: [u8; 32],
    /// SHA-256 over the tenant, or the publisher where there is none; bounds what one caller may store.
    pub owner: [u8; 32],
    /// The caller gave the key; else it was derived from the delivery (reply queue, correlation id, body).
    pub key_from_caller: bool,
    /// Whether an earlier delivery may have been served: then the inbox is asked first.
    pub check_inbox_first: bool,
    /// When this delivery came, on the monotonic clock.
    pub received: Instant,
}

/// What the transport knows about a request.
#[derive(Debug, Clone, Default)]
pub struct DeliveryInfo {
    /// Where the reply goes; empty when none is wanted.
    pub reply_to: String,
    /// The caller's mark for the reply.
    pub correlation_id: String,
    /// The message's own id, which makes an effect repeatable.
    pub message_id: String,
    /// The broker delivered it before.
    pub redelivered: bool,
    /// The trace that the caller says it belongs to.
    pub trace: Option<TraceContext>,
}

impl Operation {
    /// An effect that its content names, such as a carrier's webhook, which may come several times at once: `parts` are
    /// what tells it from others of the same tenant.
    pub fn once(customer_id: Uuid, parts: &[&[u8]]) -> Self {
        let owner = hash(&[b"customer", customer_id.as_bytes()]);
        let content = hash(parts);
        Self {
            key: hash(&[b"content", &owner, &content]),
            fingerprint: content,
            owner,
            key_from_caller: true,
            check_inbox_first: true,
            received: Instant::now(),
        }
    }

    /// The key of an effect: the envelope's, else the message id, else one derived from the delivery.
    ///
    /// # Errors
    /// 400 when a given key is empty or longer than 255 bytes.
    pub fn of(request: &Request, delivery_info: &DeliveryInfo) -> Result<Self> {
        let owner = match (request.customer_id, request.account_id, request.visitor_id) {
            // What one account or visitor was answered is no answer for another.
            (Some(customer_id), Some(account_id), _) => {
                hash(&[b"account", customer_id.as_bytes(), account_id.as_bytes()])
            }
            (Some(customer_id), None, Some(visitor_id)) => {
                hash(&[b"visitor", customer_id.as_bytes(), visitor_id.as_bytes()])
            }
            (Some(customer_id), None, None) => hash(&[b"customer", customer_id.as_bytes()]),
            (None, ..) => hash(&[b"publisher", request.publisher.as_bytes()]),
        };
        let body = request.data.as_ref().map_or("", |data| data.get());
        let fingerprint = hash(&[
            request.method.as_str().as_bytes(),
            request.uri.as_bytes(),
            body.as_bytes(),
        ]);
        let given = match &request.idempotency_key {
            Some(key) if key.is_empty() || key.len() > KEY_MAX => {
                return Err(Error::invalid_argument(
                    "INVALID_IDEMPOTENCY_KEY",
                    "idempotency_key must have 1 to 255 bytes.",
                ));
            }
            Some(key) => Some((b"key".as_slice(), key.as_str())),
            None if delivery_info.message_id.is_empty() => None,
            None => Some((b"message".as_slice(), delivery_info.message_id.as_str())),
        };
        let key = match given {
            Some((kind, key)) => hash(&[kind, &owner, key.as_bytes()]),
            None => hash(&[
                b"derived",
                &owner,
                delivery_info.reply_to.as_bytes(),
                delivery_info.correlation_id.as_bytes(),
                &fingerprint,
            ]),
        };
        let key_from_caller = given.is_some();
        Ok(Self {
            key,
            fingerprint,
            owner,
            key_from_caller,
            check_inbox_first: key_from_caller || delivery_info.redelivered,
            received: Instant::now(),
        })
    }
}

/// Each part is preceded by its length, so that no two lists of parts hash alike.
pub(crate) fn hash(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::sock::Method;

    fn request(key: Option<&str>) -> Request {
        let mut request = Request::new(Method::Post, "/v1/outdials", "campaign-manager");
        request.idempotency_key = key.map(str::to_owned);
        request
    }

    #[test]
    fn a_given_key_is_scoped_by_tenant_and_publisher() {
        let key = |request: &Request| {
            Operation::of(request, &DeliveryInfo::default())
                .unwrap()
                .key
        };
        let trusted = request(Some("k"));
        let mut scoped = request(Some("k"));
        scoped.customer_id = Some(Uuid::from_u128(1));
        let mut other = request(Some("k"));
        other.publisher = "api-manager".to_owned();
        assert_ne!(key(&trusted), key(&scoped));
        assert_ne!(key(&trusted), key(&other));
        assert_eq!(key(&trusted), key(&request(Some("k"))));
        let mut bound = scoped.clone();
        bound.account_id = Some(Uuid::from_u128(2));
        assert_ne!(key(&scoped), key(&bound), "nor by account");
        let mut visitor = scoped.clone();
        visitor.visitor_id = Some(Uuid::from_u128(2));
        assert_ne!(key(&scoped), key(&visitor), "nor by visitor");
    }

    #[test]
    fn a_derived_key_is_asked_for_only_when_redelivered() {
        let delivery_info = |redelivered| DeliveryInfo {
            reply_to: "amq.gen-1".into(),
            redelivered,
            ..DeliveryInfo::default()
        };
        let first = Operation::of(&request(None), &delivery_info(false)).unwrap();
        let again = Operation::of(&request(None), &delivery_info(true)).unwrap();
        assert_eq!(first.key, again.key);
        assert!(!first.check_inbox_first && again.check_inbox_first && !first.key_from_caller);
    }

    #[test]
    fn the_body_decides_the_fingerprint_not_the_key() {
        let of = |request: &Request| Operation::of(request, &DeliveryInfo::default()).unwrap();
        let (one, two) = (request(Some("k")), request(Some("k")).json(&1).unwrap());
        assert_eq!(of(&one).key, of(&two).key);
        assert_ne!(of(&one).fingerprint, of(&two).fingerprint);
    }

    #[test]
    fn what_its_content_names_is_one_effect_of_one_tenant() {
        let key =
            |customer: u128, parts: &[&[u8]]| Operation::once(Uuid::from_u128(customer), parts).key;
        assert_eq!(
            key(1, &[b"CA1", b"completed"]),
            key(1, &[b"CA1", b"completed"])
        );
        for (customer, parts) in [
            (2, [b"CA1".as_slice(), b"completed"]),
            (1, [b"CA1", b"busy"]),
            (1, [b"CA1c", b"ompleted"]),
        ] {
            assert_ne!(key(customer, &parts), key(1, &[b"CA1", b"completed"]));
        }
    }

    #[test]
    fn an_endless_key_is_refused() {
        let error =
            Operation::of(&request(Some(&"x".repeat(256))), &DeliveryInfo::default()).unwrap_err();
        assert_eq!(error.reason(), "INVALID_IDEMPOTENCY_KEY");
    }
}
