//! Requests, read strictly: what others would read in two ways is malformed.

#[cfg(any(test, feature = "test-support"))]
use std::net::SocketAddr;

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

#[cfg(any(test, feature = "test-support"))]
use super::Status;
use super::{Fault, MESSAGE_MAX, Message, Request};

/// Headers of one message.
const HEADERS_MAX: usize = 100;
/// What every branch of RFC 3261 begins with (8.1.1.7).
const COOKIE: &str = "z9hG4bK";

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
    let call_id = headers.call_id.filter(|id| !id.is_empty());
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
