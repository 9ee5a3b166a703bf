//! One error type: what the caller is told, and a cause that only the log sees.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{sock::Response, text::brief};

/// The answer of every fallible function in the workspace.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Reason of a 503 that was known before anything was sent.
pub const NOT_SERVED: &str = "SERVICE_NOT_SERVED";

/// What kind of failure it is; decides the status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// 400: the request itself is wrong.
    InvalidArgument,
    /// 401: nobody known is asking.
    Unauthenticated,
    /// 402: an account has to be topped up first.
    PaymentRequired,
    /// 403: known, and not allowed.
    PermissionDenied,
    /// 404: no such thing, or not yours.
    NotFound,
    /// 409: it is there already.
    AlreadyExists,
    /// 409: not in this state.
    FailedPrecondition,
    /// 410: it was there, and its time is over. Its wire word is that of 409; the status code tells them apart.
    #[serde(rename(serialize = "FAILED_PRECONDITION", deserialize = "GONE"))]
    #[schemars(skip)]
    Gone,
    /// 429: a limit was reached; try later.
    ResourceExhausted,
    /// 500: a fault of ours.
    Internal,
    /// 503: something we need is away; try again.
    Unavailable,
}

impl Status {
    /// The HTTP-like status code.
    pub const fn code(self) -> u16 {
        match self {
            Self::InvalidArgument => 400,
            Self::Unauthenticated => 401,
            Self::PaymentRequired => 402,
            Self::PermissionDenied => 403,
            Self::NotFound => 404,
            Self::AlreadyExists | Self::FailedPrecondition => 409,
            Self::Gone => 410,
            Self::ResourceExhausted => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
        }
    }
}

/// A failure with its wire form. Build it with the function named like its status.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    status: Status,
    reason: Cow<'static, str>,
    message: Cow<'static, str>,
    details: Vec<Value>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    replay: Option<Response>,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $status:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(reason: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
            Self::new(Status::$status, reason, message)
        }
    )*};
}

impl Error {
    /// `reason` is UPPER_SNAKE and stable; `message` is for the caller.
    pub fn new(
        status: Status,
        reason: impl Into<Cow<'static, str>>,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let message = match message.into() {
            Cow::Owned(message) => Cow::Owned(brief(message)),
            ours => ours,
        };
        Self(Box::new(Inner {
            status,
            reason: reason.into(),
            message,
            details: Vec::new(),
            cause: None,
            replay: None,
        }))
    }

    constructors! {
        /// 400.
        invalid_argument => InvalidArgument;
        /// 401.
        unauthenticated => Unauthenticated;
        /// 403.
        permission_denied => PermissionDenied;
        /// 404.
        not_found => NotFound;
        /// 409, it is there already.
        already_exists => AlreadyExists;
        /// 409, not in this state.
        failed_precondition => FailedPrecondition;
        /// 410, its time is over.
        gone => Gone;
        /// 429.
        resource_exhausted => ResourceExhausted;
    }

    /// 500 with a cause for the log; the caller learns nothing of it.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(Status::Internal, "INTERNAL", "An internal error occurred.").caused_by(cause)
    }

    /// 503 with a cause for the log; the caller learns what is away, not why.
    pub fn unavailable(
        what: &str,
        cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::new(
            Status::Unavailable,
            format!("{}_UNAVAILABLE", what.to_ascii_uppercase()),
            format!("The {what} is not available now; try again."),
        )
        .caused_by(cause)
    }

    /// Not a failure: the operation was done before, and this was its reply. The router sends it again.
    pub fn replay(reply: Response) -> Self {
        let mut error = Self::new(
            Status::AlreadyExists,
            "REPLAY",
            "This operation was done before.",
        );
        error.0.replay = Some(reply);
        error
    }

    /// What another service refused with; a 503 when it said nothing that is understood.
    pub fn from_reply(reply: &Response) -> Self {
        #[derive(Deserialize)]
        struct Typed {
            status: Status,
            reason: String,
            message: String,
            #[serde(default)]
            details: Vec<Value>,
        }
        match serde_json::from_str::<Typed>(reply.body()) {
            Ok(typed) => {
                let is_gone = reply.status_code == Status::Gone.code();
                let status = match typed.status {
                    Status::FailedPrecondition if is_gone => Status::Gone,
                    status => status,
                };
                let mut error = Self::new(status, typed.reason, typed.message);
                error.0.details = typed.details;
                error
            }
            Err(_) => Self::unavailable("service", format!("it said {}", reply.status_code)),
        }
    }

    /// Adds what only the log may see.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.cause = Some(cause.into());
        self
    }

    /// Adds one machine-readable detail for the caller.
    #[must_use]
    pub fn with_detail(mut self, detail: Value) -> Self {
        self.0.details.push(detail);
        self
    }

    /// Takes over what another error tells the caller in detail.
    #[must_use]
    pub fn with_details_of(mut self, other: &Self) -> Self {
        self.0.details.clone_from(&other.0.details);
        self
    }

    /// What kind of failure it is.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// The stable UPPER_SNAKE reason.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The sentence for the caller.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// True where the fault is ours or a dependency's, so that it belongs in the log. A 5xx without a cause is
    /// an answer like any other, such as "nothing left to give".
    pub fn is_fault(&self) -> bool {
        self.0.replay.is_none() && self.status().code() >= 500 && self.0.cause.is_some()
    }

    /// True for a considered "no" (404, 409 …) that a repeated request must hear again:
    /// not for a malformed request, a limit, a lack of room, or a fault.
    pub fn is_decided(&self) -> bool {
        self.0.replay.is_none()
            && !matches!(self.status().code(), 400 | 429 | 500..)
            && !crate::quota::is_full(self.reason())
    }

    /// The stored reply, where this is a replay.
    pub fn replayed(&self) -> Option<&Response> {
        self.0.replay.as_ref()
    }

    /// The database's own error, where that is the cause.
    pub fn sql_cause(&self) -> Option<&sqlx::Error> {
        self.0
            .cause
            .as_deref()
            .and_then(|cause| cause.downcast_ref())
    }

    /// The wire form, said by the daemon `domain`.
    pub fn to_response(&self, domain: &str) -> Response {
        if let Some(reply) = &self.0.replay {
            return reply.clone();
        }
        let mut body = json!({
            "status": self.0.status,
            "reason": self.0.reason,
            "domain": domain,
            "message": self.0.message,
        });
        if !self.0.details.is_empty()
            && let Some(map) = body.as_object_mut()
        {
            map.insert("details".to_owned(), Value::Array(self.0.details.clone()));
        }
        Response::with(self.0.status.code(), Response::ERROR_TYPE, &body)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            reason, message, ..
        } = &*self.0;
        match &self.0.cause {
            // The sentence goes on.
            Some(cause) => write!(f, "{reason} {}: {cause}", message.trim_end_matches('.')),
            None => write!(f, "{reason} {message}"),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_is_the_contract_and_hides_the_cause() {
        let error = Error::not_found("OUTDIAL_NOT_FOUND", "The outdial was not found.")
            .caused_by("SELECT secret");
        let wire = serde_json::to_string(&error.to_response("outdial-manager")).unwrap();
        assert_eq!(
            wire,
            r#"{"status_code":404,"data_type":"voipbin_error","data":{"domain":"outdial-manager","message":"The outdial was not found.","reason":"OUTDIAL_NOT_FOUND","status":"NOT_FOUND"}}"#
        );
    }

    #[test]
    fn a_cause_goes_on_with_the_sentence() {
        let away = Error::unavailable("bridge", "no reply in time");
        assert_eq!(
            away.to_string(),
            "BRIDGE_UNAVAILABLE The bridge is not available now; try again: no reply in time"
        );
        assert_eq!(Error::not_found("A", "No.").to_string(), "A No.");
    }

    #[test]
    fn details_are_additive() {
        let error = Error::invalid_argument("BAD_BODY", "No.").with_detail(json!({"index": 3}));
        let reply = error.to_response("outdial-manager");
        let data: Value = serde_json::from_str(reply.data.as_ref().unwrap().get()).unwrap();
        assert_eq!(data["details"], json!([{"index": 3}]));
    }

    #[test]
    fn a_reply_becomes_the_error_that_it_was() {
        let error = Error::failed_precondition("BUSY", "Not now.").with_detail(json!({"a": 1}));
        let wire = error.to_response("outdial-manager");
        let read = Error::from_reply(&wire).to_response("outdial-manager");
        assert_eq!(read.body(), wire.body());
        let other = Error::from_reply(&Response::with(502, "", &"what"));
        assert_eq!(other.reason(), "SERVICE_UNAVAILABLE");
    }

    #[test]
    fn what_is_gone_has_the_word_of_409_and_stays_gone() {
        let wire = Error::gone("RESERVATION_EXPIRED", "Too late.").to_response("chat-manager");
        assert_eq!(wire.status_code, 410);
        assert!(wire.body().contains(r#""status":"FAILED_PRECONDITION""#));
        assert_eq!(Error::from_reply(&wire).status(), Status::Gone);
    }

    #[test]
    fn only_a_considered_no_is_decided() {
        assert!(Error::not_found("A", "b").is_decided());
        assert!(Error::failed_precondition("A", "b").is_decided());
        assert!(!Error::invalid_argument("A", "b").is_decided());
        assert!(!Error::resource_exhausted("A", "b").is_decided());
        assert!(!Error::internal("x").is_decided());
    }
}
