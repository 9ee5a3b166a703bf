//! SIP messages: requests read strictly, responses written from them.

mod read;
#[cfg(test)]
pub(crate) mod tests;
mod write;

use std::net::IpAddr;

#[cfg(any(test, feature = "test-support"))]
pub(crate) use read::hostile;
pub(crate) use read::parse;

/// Largest message, in bytes: beyond what a datagram carries without fragments, below what would hurt.
pub(crate) const MESSAGE_MAX: usize = 16 * 1024;

/// Why a message is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Its end has not come yet.
    Incomplete,
    /// It is none.
    Malformed,
}

/// A request, as far as a redirect server needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub method: String,
    /// The text of its URI.
    pub uri: String,
    /// The user of its URI: the number that is called.
    pub user: String,
    /// Host and port of its URI.
    pub host: String,
    /// The sender's own Via, and those of others below it, as they came.
    pub top_via: String,
    pub vias: Vec<String>,
    pub branch: String,
    /// Host and port of the sender's Via.
    pub sent_by: String,
    sent_by_host: Option<IpAddr>,
    sent_by_port: Option<u16>,
    has_rport: bool,
    pub from: String,
    /// The user of From, or of P-Asserted-Identity where there is one.
    pub caller: String,
    pub to: String,
    /// It is of a dialog.
    pub has_to_tag: bool,
    pub call_id: String,
    pub cseq: String,
    pub authorization: Option<String>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Message {
    Request(Box<Request>),
    /// A response: we sent no request, so it is nobody's.
    Response,
}

/// Code and phrase of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status(pub u16, pub &'static str);

impl Status {
    pub const TRYING: Self = Self(100, "Trying");
    pub const OK: Self = Self(200, "OK");
    pub const MOVED: Self = Self(302, "Moved Temporarily");
    pub const BAD_REQUEST: Self = Self(400, "Bad Request");
    pub const UNAUTHORIZED: Self = Self(401, "Unauthorized");
    pub const FORBIDDEN: Self = Self(403, "Forbidden");
    pub const NOT_FOUND: Self = Self(404, "Not Found");
    pub const NOT_ALLOWED: Self = Self(405, "Method Not Allowed");
    pub const NOBODY: Self = Self(480, "Temporarily Unavailable");
    pub const NO_TRANSACTION: Self = Self(481, "Call/Transaction Does Not Exist");
    pub const TERMINATED: Self = Self(487, "Request Terminated");
    pub const BUSY: Self = Self(503, "Service Unavailable");
    pub const DECLINED: Self = Self(603, "Decline");
}
