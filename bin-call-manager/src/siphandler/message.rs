//! SIP messages: requests read strictly, responses written from them.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use sip_types::{
    header::{
        HeaderParse,
        typed::{FromTo, Via},
    },
    host::Host,
    msg::{Line, MessageLine, PullParser},
    parse::Parse,
    uri::{SipUri, SipUriUserPart},
};

/// Largest message, in bytes: beyond what a datagram carries without fragments, below what would hurt.
pub(crate) const MESSAGE_MAX: usize = 16 * 1024;
/// Headers of one message.
const HEADERS_MAX: usize = 100;
/// What every branch of RFC 3261 begins with (8.1.1.7).
const COOKIE: &str = "z9hG4bK";
/// Longest Call-ID, in bytes.
const CALL_ID_MAX: usize = 255;

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
    has_to_tag: bool,
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

/// The headers that are looked at.
#[derive(Default)]
struct Headers {
    vias: Vec<String>,
    from: Option<String>,
    to: Option<String>,
    call_id: Option<String>,
    cseq: Option<String>,
    authorization: Option<String>,
    asserted: Option<String>,
    content_length: Option<usize>,
}

/// Reads one message from the beginning of `bytes`; and how many bytes it has. A datagram may leave its length out.
///
/// # Errors
/// [`Fault`].
pub(crate) fn parse(bytes: &[u8], is_stream: bool) -> Result<(Message, usize), Fault> {
    let end = head_end(bytes).ok_or(Fault::Incomplete)?;
    let head = bytes.get(..end).ok_or(Fault::Malformed)?;
    let text = std::str::from_utf8(head).map_err(|_| Fault::Malformed)?;
    if text
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t'))
    {
        return Err(Fault::Malformed);
    }
    let source = Bytes::copy_from_slice(head);
    let mut lines = PullParser::new(&source, 0);
    let first = line(&mut lines)?.ok_or(Fault::Malformed)?;
    let headers = headers(&source, &mut lines)?;
    let body = match headers.content_length {
        Some(length) => length,
        None if is_stream => return Err(Fault::Malformed),
        None => bytes.len() - end,
    };
    let all = end
        .checked_add(body)
        .filter(|all| *all <= MESSAGE_MAX)
        .ok_or(Fault::Malformed)?;
    if all > bytes.len() {
        return Err(if is_stream {
            Fault::Incomplete
        } else {
            Fault::Malformed
        });
    }
    let (rest, start) = MessageLine::parse(&source)(first).map_err(|_| Fault::Malformed)?;
    if !rest.trim().is_empty() {
        return Err(Fault::Malformed);
    }
    match start {
        MessageLine::Response(_) => Ok((Message::Response, all)),
        MessageLine::Request(start) => {
            let method = start.method.to_string();
            let request = request(method, first, &start.uri, headers)?;
            Ok((Message::Request(Box::new(request)), all))
        }
    }
}

/// Where the blank line ends.
fn head_end(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    at.checked_add(4)
}

fn line<'s>(lines: &mut PullParser<'s>) -> Result<Option<&'s str>, Fault> {
    match lines.next() {
        None => Ok(None),
        Some(Err(_)) => Err(Fault::Malformed),
        Some(Ok(line)) => std::str::from_utf8(line)
            .map(Some)
            .map_err(|_| Fault::Malformed),
    }
}

fn headers(source: &Bytes, lines: &mut PullParser<'_>) -> Result<Headers, Fault> {
    let mut headers = Headers::default();
    let mut count = 0;
    while let Some(text) = line(lines)? {
        count += 1;
        if count > HEADERS_MAX {
            return Err(Fault::Malformed);
        }
        let (_, line) = Line::parse(source, text).map_err(|_| Fault::Malformed)?;
        let value = unfolded(&line.value);
        // In its long form, however it was written.
        let once = match line.name.as_print_str() {
            "Via" => {
                headers.vias.push(value);
                continue;
            }
            "From" => &mut headers.from,
            "To" => &mut headers.to,
            "Call-ID" => &mut headers.call_id,
            "CSeq" => &mut headers.cseq,
            "Content-Length" => {
                let length = value.parse().map_err(|_| Fault::Malformed)?;
                if headers.content_length.replace(length).is_some() {
                    return Err(Fault::Malformed);
                }
                continue;
            }
            "Authorization" => {
                headers.authorization = Some(value);
                continue;
            }
            name if name.eq_ignore_ascii_case("P-Asserted-Identity") => {
                headers.asserted.get_or_insert(value);
                continue;
            }
            _ => continue,
        };
        // Two of these would be read as the first by some and the last by others.
        if once.replace(value).is_some() {
            return Err(Fault::Malformed);
        }
    }
    Ok(headers)
}

/// A value of several lines as one.
fn unfolded(value: &str) -> String {
    let words: Vec<&str> = value
        .split(['\r', '\n'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    words.join(" ")
}

fn request(method: String, first: &str, uri: &SipUri, headers: Headers) -> Result<Request, Fault> {
    let first_via = headers.vias.first().ok_or(Fault::Malformed)?;
    let (top_via, below, via) = top(first_via)?;
    let branch = via.params.get_val("branch").map(ToString::to_string);
    let branch = branch
        .filter(|branch| branch.starts_with(COOKIE))
        .ok_or(Fault::Malformed)?;
    let mut vias: Vec<String> = below.into_iter().collect();
    vias.extend(headers.vias.iter().skip(1).cloned());
    let from = headers.from.ok_or(Fault::Malformed)?;
    let to = headers.to.ok_or(Fault::Malformed)?;
    let call_id = headers
        .call_id
        .filter(|id| (1..=CALL_ID_MAX).contains(&id.len()));
    let cseq = headers.cseq.ok_or(Fault::Malformed)?;
    ensure_cseq(&cseq, &method)?;
    let asserted = headers
        .asserted
        .as_deref()
        .and_then(|text| user_of(text).ok());
    let host = uri.host_port.clone();
    Ok(Request {
        uri: first
            .split_whitespace()
            .nth(1)
            .unwrap_or_default()
            .to_owned(),
        user: user(uri),
        host: match host.port {
            Some(port) => format!("{}:{port}", host_text(&host.host)),
            None => host_text(&host.host),
        },
        sent_by: match via.sent_by.port {
            Some(port) => format!("{}:{port}", host_text(&via.sent_by.host)),
            None => host_text(&via.sent_by.host),
        },
        sent_by_host: match via.sent_by.host {
            Host::IP4(ip) => Some(ip.into()),
            Host::IP6(ip) => Some(ip.into()),
            Host::Name(_) => None,
        },
        sent_by_port: via.sent_by.port,
        has_rport: top_via
            .to_ascii_lowercase()
            .split(';')
            .any(|part| part.trim() == "rport"),
        top_via,
        vias,
        branch,
        caller: match asserted {
            Some(user) if !user.is_empty() => user,
            _ => user_of(&from)?,
        },
        has_to_tag: has_tag(&to)?,
        from,
        to,
        call_id: call_id.ok_or(Fault::Malformed)?,
        cseq,
        authorization: headers.authorization,
        method,
    })
}

/// The sender's Via, and what stands behind it in the same header.
fn top(value: &str) -> Result<(String, Option<String>, Via), Fault> {
    let source = Bytes::copy_from_slice(value.as_bytes());
    let text = std::str::from_utf8(&source).map_err(|_| Fault::Malformed)?;
    let (rest, via) = Via::parse(&source, text).map_err(|_| Fault::Malformed)?;
    let end = value.len().saturating_sub(rest.len());
    let top_via = value.get(..end).ok_or(Fault::Malformed)?.trim().to_owned();
    let rest = rest.trim();
    match rest.strip_prefix(',') {
        Some(below) => Ok((top_via, Some(below.trim().to_owned()), via)),
        None if rest.is_empty() => Ok((top_via, None, via)),
        None => Err(Fault::Malformed),
    }
}

fn host_text(host: &Host) -> String {
    match host {
        Host::IP4(ip) => ip.to_string(),
        Host::IP6(ip) => format!("[{ip}]"),
        Host::Name(name) => name.to_string(),
    }
}

fn user(uri: &SipUri) -> String {
    let user = match &uri.user_part {
        SipUriUserPart::Empty => return String::new(),
        SipUriUserPart::User(user) => user,
        SipUriUserPart::UserPw(both) => &both.user,
    };
    // A number may carry parameters (RFC 3261, 19.1.6).
    let end = user.find(';').unwrap_or(user.len());
    user.get(..end).unwrap_or_default().to_owned()
}

fn address(text: &str) -> Result<FromTo, Fault> {
    let source = Bytes::copy_from_slice(text.as_bytes());
    let text = std::str::from_utf8(&source).map_err(|_| Fault::Malformed)?;
    let (_, address) = FromTo::parse(&source, text).map_err(|_| Fault::Malformed)?;
    Ok(address)
}

/// The user of an address. One without is no fault: it is anonymous.
fn user_of(text: &str) -> Result<String, Fault> {
    address(text).map(|address| user(&address.uri.uri))
}

fn has_tag(text: &str) -> Result<bool, Fault> {
    address(text).map(|address| address.tag.is_some())
}

/// A number that fits, and the method of the request (RFC 3261, 8.1.1.5).
fn ensure_cseq(cseq: &str, method: &str) -> Result<(), Fault> {
    let (number, of) = cseq.split_once([' ', '\t']).ok_or(Fault::Malformed)?;
    let number: u32 = number.parse().map_err(|_| Fault::Malformed)?;
    if number <= i32::MAX.unsigned_abs() && of.trim() == method {
        Ok(())
    } else {
        Err(Fault::Malformed)
    }
}

impl Request {
    /// Where a datagram's response goes: back to where it came from, at the port that it names (RFC 3261, 18.2.2;
    /// RFC 3581). Never to another address.
    pub(crate) fn reply_to(&self, peer: SocketAddr) -> SocketAddr {
        let port = if self.has_rport {
            peer.port()
        } else {
            self.sent_by_port.unwrap_or(5060)
        };
        SocketAddr::new(peer.ip(), port)
    }

    /// The sender's Via with what we know of the sender.
    fn via(&self, peer: SocketAddr) -> String {
        let mut via = String::with_capacity(self.top_via.len() + 40);
        for (at, part) in self.top_via.split(';').enumerate() {
            if at > 0 {
                via.push(';');
            }
            if part.trim().eq_ignore_ascii_case("rport") {
                via.push_str(&format!("rport={}", peer.port()));
            } else if !part.trim().to_ascii_lowercase().starts_with("received=") {
                via.push_str(part);
            } else {
                // The sender does not say whence it came.
                via.pop();
            }
        }
        if self.sent_by_host != Some(peer.ip()) || self.has_rport {
            via.push_str(&format!(";received={}", peer.ip()));
        }
        via
    }

    /// A response to this request. `tag` is ours, for a To that has none.
    pub(crate) fn response(
        &self,
        peer: SocketAddr,
        status: Status,
        tag: &str,
        more: &[(&str, String)],
    ) -> Vec<u8> {
        let Status(code, phrase) = status;
        let mut text = format!("SIP/2.0 {code} {phrase}\r\nVia: {}\r\n", self.via(peer));
        for via in &self.vias {
            text.push_str(&format!("Via: {via}\r\n"));
        }
        let to_tag = if self.has_to_tag || code == 100 {
            String::new()
        } else {
            format!(";tag={tag}")
        };
        text.push_str(&format!(
            "From: {}\r\nTo: {}{to_tag}\r\nCall-ID: {}\r\nCSeq: {}\r\n",
            self.from, self.to, self.call_id, self.cseq
        ));
        for (name, value) in more {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        text.into_bytes()
    }
}

/// Code and phrase of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Status(pub u16, pub &'static str);

impl Status {
    pub const TRYING: Self = Self(100, "Trying");
    pub const OK: Self = Self(200, "OK");
    pub const MOVED: Self = Self(302, "Moved Temporarily");
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

/// Whatever stands there: no panic, and what is read is within its bounds.
#[cfg(any(test, feature = "test-support"))]
pub(crate) fn hostile(data: &[u8]) {
    for is_stream in [false, true] {
        if let Ok((message, length)) = parse(data, is_stream) {
            assert!(length <= data.len() && length <= MESSAGE_MAX);
            if let Message::Request(request) = message {
                let peer = SocketAddr::from(([127, 0, 0, 1], 5060));
                let response = request.response(peer, Status::OK, "t", &[]);
                let blank = response
                    .windows(4)
                    .filter(|four| *four == b"\r\n\r\n")
                    .count();
                assert_eq!(blank, 1, "a response has one end");
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    pub(crate) const INVITE: &str = "INVITE sip:+14155550100@sip.example:5060;user=phone SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.1:5070;rport;branch=z9hG4bKabc, SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKold\r\n\
        v: SIP/2.0/TCP 198.51.100.1;branch=z9hG4bKolder\r\n\
        Max-Forwards: 70\r\n\
        From: \"A, B\" <sip:+14155550123@192.0.2.1>;tag=1\r\n\
        To: <sip:+14155550100@sip.example>\r\n\
        i: call-1@192.0.2.1\r\n\
        CSeq: 1 INVITE\r\n\
        Contact: <sip:a@192.0.2.1>\r\n\
        Subject: a\r\n folded line\r\n\
        Content-Length: 4\r\n\r\nv=0\n";

    pub(crate) fn read(text: &str) -> Request {
        match parse(text.as_bytes(), false).unwrap().0 {
            Message::Request(request) => *request,
            Message::Response => panic!("a response"),
        }
    }

    #[test]
    fn a_request_is_read_and_answered() {
        let request = read(INVITE);
        assert_eq!(
            (
                request.method.as_str(),
                request.user.as_str(),
                request.caller.as_str()
            ),
            ("INVITE", "+14155550100", "+14155550123")
        );
        assert_eq!(
            (
                request.branch.as_str(),
                request.sent_by.as_str(),
                request.host.as_str()
            ),
            ("z9hG4bKabc", "192.0.2.1:5070", "sip.example:5060")
        );
        assert_eq!(parse(INVITE.as_bytes(), true).unwrap().1, INVITE.len());
        let peer = SocketAddr::from(([203, 0, 113, 5], 4_444));
        assert_eq!(request.reply_to(peer), peer);
        let response = request.response(peer, Status::NOBODY, "ours", &[("X", "y".to_owned())]);
        let expected = "SIP/2.0 480 Temporarily Unavailable\r\n\
            Via: SIP/2.0/UDP 192.0.2.1:5070;rport=4444;branch=z9hG4bKabc;received=203.0.113.5\r\n\
            Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKold\r\n\
            Via: SIP/2.0/TCP 198.51.100.1;branch=z9hG4bKolder\r\n\
            From: \"A, B\" <sip:+14155550123@192.0.2.1>;tag=1\r\n\
            To: <sip:+14155550100@sip.example>;tag=ours\r\n\
            Call-ID: call-1@192.0.2.1\r\nCSeq: 1 INVITE\r\nX: y\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(String::from_utf8(response).unwrap(), expected);
    }

    #[rstest]
    #[case::two_callers("CSeq: 1 INVITE", "CSeq: 1 INVITE\r\nFrom: <sip:b@b>;tag=2")]
    #[case::two_lengths("Content-Length: 4", "Content-Length: 4\r\nl: 5")]
    #[case::no_length("Content-Length: 4", "Content-Length: x")]
    #[case::longer_than_sent("Content-Length: 4", "Content-Length: 400")]
    #[case::huge("Content-Length: 4", "Content-Length: 99999999999999999999")]
    #[case::other_method("CSeq: 1 INVITE", "CSeq: 1 BYE")]
    #[case::no_number("CSeq: 1 INVITE", "CSeq: 99999999999 INVITE")]
    #[case::old_branch("branch=z9hG4bKabc,", "branch=abc,")]
    #[case::no_call_id("i: call-1@192.0.2.1", "x: y")]
    #[case::no_uri("sip:+14155550100@sip.example:5060;user=phone SIP", "nowhere SIP")]
    #[case::other_version("SIP/2.0\r\nVia", "SIP/3.0\r\nVia")]
    #[case::control("Subject: a", "Subject: \u{7}")]
    fn what_is_none_is_malformed(#[case] was: &str, #[case] is: &str) {
        let text = INVITE.replacen(was, is, 1);
        assert_ne!(text, INVITE);
        assert_eq!(parse(text.as_bytes(), false), Err(Fault::Malformed));
    }

    #[test]
    fn a_stream_is_waited_for() {
        for end in 0..INVITE.len() {
            assert_eq!(
                parse(&INVITE.as_bytes()[..end], true),
                Err(Fault::Incomplete),
                "{end}"
            );
        }
    }

    proptest! {
        #[test]
        fn hostile_messages_do_no_harm(
            noise in proptest::collection::vec(any::<u8>(), 0..300),
            edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            cut in any::<prop::sample::Index>(),
        ) {
            hostile(&noise);
            let mut bytes = INVITE.as_bytes().to_vec();
            for (at, byte) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            hostile(&bytes);
            hostile(&bytes[cut.index(bytes.len())..]);
        }
    }
}
