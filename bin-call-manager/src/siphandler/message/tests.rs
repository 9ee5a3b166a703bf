//! Messages, read and answered.

use std::net::SocketAddr;

use proptest::prelude::*;
use rstest::rstest;

use super::{read::hostile, *};

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
