//! The trace context of W3C, level 1.

use std::fmt;

/// The name of the header, in HTTP and in AMQP.
pub const TRACEPARENT: &str = "traceparent";
/// Length of a header of version 00; later ones may be longer.
const LENGTH: usize = 55;

/// Names a trace in logs: 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(pub(super) u128);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Which trace something belongs to, and the span above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    /// Whether whoever began it records its spans.
    pub(super) is_sampled: bool,
}

impl TraceContext {
    /// A trace of its own.
    pub fn begin(is_sampled: bool) -> Self {
        Self {
            trace_id: rand::random_range(1..=u128::MAX),
            span_id: span_id(),
            is_sampled,
        }
    }

    /// The next span of the same trace.
    #[must_use]
    pub fn child(self) -> Self {
        Self {
            span_id: span_id(),
            ..self
        }
    }

    /// What logs tell.
    pub const fn id(self) -> TraceId {
        TraceId(self.trace_id)
    }

    /// Reads a `traceparent`; nothing when it is none, and a trace of its own is to be begun.
    pub fn parse(text: &str) -> Option<Self> {
        let is_of_00 = text.starts_with("00-");
        let (head, rest) = text.split_at_checked(LENGTH)?;
        let may_go_on = !is_of_00 && rest.starts_with('-');
        if !(rest.is_empty() || may_go_on) {
            return None;
        }
        let mut parts = head.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace_id = hex(parts.next()?, 32)?;
        let span_id = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = hex(parts.next()?, 2)?;
        let is_one = version != 0xff && trace_id != 0 && span_id != 0 && parts.next().is_none();
        is_one.then_some(Self {
            trace_id,
            span_id,
            is_sampled: flags & 1 == 1,
        })
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace_id, span_id, flags) = (self.trace_id, self.span_id, u8::from(self.is_sampled));
        write!(f, "00-{trace_id:032x}-{span_id:016x}-{flags:02x}")
    }
}

fn span_id() -> u64 {
    rand::random_range(1..=u64::MAX)
}

/// Exactly so many lower-case digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
    let is_hex = text.len() == digits && text.bytes().all(is_digit);
    is_hex
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}
