//! Who asks, and what a key opens: the operator's own, and those of tenants, which a manager knows.

mod access;
mod grant;
mod operator;
mod ttl_cache;
mod verdicts;
mod visitors;

pub use access::AccessKey;
pub(super) use access::{HEADER, Keys, shown};
pub(super) use grant::{Grant, Key};
pub(super) use operator::path;
pub use operator::{key_from, key_or_new};
pub(super) use verdicts::{KeyVerifier, Verifier};
pub(super) use visitors::{VisitorRoute, VisitorVerifier, is_visitors};
