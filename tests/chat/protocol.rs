//! What the protocol allows and forbids (RFC 6455), as bytes.

use bin_common_handler::testing::Kind;
use serde_json::json;
use tandem::socket::{BINARY, CLOSE, CONTINUATION, FIN, Heard, PING, PONG, TEXT};
use tokio::time::timeout;

use super::world::{PATIENCE, World};

const ASKED: &[u8] = br#"{"op":"ping"}"#;

/// What has to come of it.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// It is answered as any other.
    Answered,
    /// The ping is answered in kind.
    Ponged,
    /// The socket ends with this code.
    Ended(u16),
    /// The client says goodbye, and is answered in kind or not at all.
    Left,
    /// Too large.
    TooBig,
    /// The socket ends, with a code that says so or without a word.
    Failed,
    /// It is no frame of ours; the socket stays.
    Refused,
}

/// A name, frames by their first byte and their payload, and what comes of them.
type Case = (&'static str, Vec<(u8, Vec<u8>)>, Then);

fn table() -> Vec<Case> {
    let whole = ASKED.to_vec();
    let (one, two) = (ASKED[..4].to_vec(), ASKED[4..].to_vec());
    let bytewise = |last: usize| {
        ASKED.iter().enumerate().map(move |(at, byte)| {
            let first = if at == 0 { TEXT } else { CONTINUATION };
            let fin = if at == last { FIN } else { 0 };
            (first | fin, vec![*byte])
        })
    };
    vec![
        ("text", vec![(FIN | TEXT, whole.clone())], Then::Answered),
        (
            "binary",
            vec![(FIN | BINARY, whole.clone())],
            Then::Answered,
        ),
        (
            "two fragments",
            vec![(TEXT, one.clone()), (FIN | CONTINUATION, two.clone())],
            Then::Answered,
        ),
        (
            "a byte each",
            bytewise(ASKED.len() - 1).collect(),
            Then::Answered,
        ),
        (
            "an empty fragment",
            vec![(TEXT, vec![]), (FIN | CONTINUATION, whole.clone())],
            Then::Answered,
        ),
        (
            "a ping between fragments",
            vec![
                (TEXT, one.clone()),
                (FIN | PING, b"x".to_vec()),
                (FIN | CONTINUATION, two.clone()),
            ],
            Then::Ponged,
        ),
        ("a ping", vec![(FIN | PING, vec![7; 125])], Then::Ponged),
        (
            "an unasked pong",
            vec![(FIN | PONG, vec![]), (FIN | TEXT, whole.clone())],
            Then::Answered,
        ),
        (
            "a long ping",
            vec![(FIN | PING, vec![7; 126])],
            Then::Ended(1002),
        ),
        (
            "a ping in fragments",
            vec![(PING, vec![])],
            Then::Ended(1002),
        ),
        (
            "a reserved bit",
            vec![(FIN | 0x40 | TEXT, whole.clone())],
            Then::Ended(1002),
        ),
        (
            "a reserved kind",
            vec![(FIN | 0x3, whole.clone())],
            Then::Ended(1002),
        ),
        (
            "a reserved control",
            vec![(FIN | 0xb, vec![])],
            Then::Ended(1002),
        ),
        (
            "another reserved bit",
            vec![(FIN | 0x20 | TEXT, whole.clone())],
            Then::Ended(1002),
        ),
        (
            "all reserved bits",
            vec![(FIN | 0x70 | BINARY, whole.clone())],
            Then::Ended(1002),
        ),
        (
            "a reserved bit of a ping",
            vec![(FIN | 0x10 | PING, vec![])],
            Then::Ended(1002),
        ),
        (
            "a reserved bit of a fragment",
            vec![
                (TEXT, one.clone()),
                (FIN | 0x40 | CONTINUATION, two.clone()),
            ],
            Then::Ended(1002),
        ),
        (
            "a continuation of nothing",
            vec![(FIN | CONTINUATION, whole.clone())],
            Then::Ended(1002),
        ),
        (
            "a text inside a text",
            vec![(TEXT, one.clone()), (FIN | TEXT, whole)],
            Then::Ended(1002),
        ),
        (
            "bad UTF-8",
            vec![(FIN | TEXT, vec![0xc3, 0x28])],
            Then::Ended(1007),
        ),
        (
            "a character in two fragments",
            vec![
                (TEXT, [&br#"{"op":"ping","x":""#[..], &[0xc3]].concat()),
                (FIN | CONTINUATION, [&[0xa9], &br#""}"#[..]].concat()),
            ],
            Then::Answered,
        ),
        (
            "bad UTF-8 in a later fragment",
            vec![
                (TEXT, one.clone()),
                (CONTINUATION, vec![0xff]),
                (FIN | CONTINUATION, two.clone()),
            ],
            Then::Ended(1007),
        ),
        (
            "bytes that are no text",
            vec![(FIN | BINARY, vec![0xc3, 0x28])],
            Then::Refused,
        ),
        ("nothing", vec![(FIN | TEXT, vec![])], Then::Refused),
        (
            "nothing in fragments",
            vec![(TEXT, vec![]), (FIN | CONTINUATION, vec![])],
            Then::Refused,
        ),
        (
            "half a character",
            vec![(FIN | TEXT, vec![b'"', 0xe2, 0x82])],
            Then::Ended(1007),
        ),
        (
            "a surrogate",
            vec![(FIN | TEXT, vec![0xed, 0xa0, 0x80])],
            Then::Ended(1007),
        ),
        ("an empty close", vec![(FIN | CLOSE, vec![])], Then::Left),
        (
            "a close of one byte",
            vec![(FIN | CLOSE, vec![3])],
            Then::Ended(1002),
        ),
        (
            "a close with a code",
            vec![(FIN | CLOSE, vec![3, 232])],
            Then::Left,
        ),
        (
            "a close with a reason",
            vec![(FIN | CLOSE, [&[15, 160][..], b"bye"].concat())],
            Then::Left,
        ),
        (
            "a close with the longest reason",
            vec![(FIN | CLOSE, [&[3, 232][..], &[b'x'; 123]].concat())],
            Then::Left,
        ),
        (
            "a close with too long a reason",
            vec![(FIN | CLOSE, [&[3, 232][..], &[b'x'; 124]].concat())],
            Then::Ended(1002),
        ),
        (
            "a close in fragments",
            vec![(CLOSE, vec![3, 232])],
            Then::Ended(1002),
        ),
        (
            "a close, and more after it",
            vec![(FIN | CLOSE, vec![3, 232]), (FIN | TEXT, ASKED.to_vec())],
            Then::Left,
        ),
        (
            "a close with no code that may be sent",
            vec![(FIN | CLOSE, vec![3, 237])],
            Then::Failed,
        ),
        (
            "a close with a code below all",
            vec![(FIN | CLOSE, vec![0, 0])],
            Then::Failed,
        ),
        (
            "a close whose reason is no UTF-8",
            vec![(FIN | CLOSE, vec![3, 232, 0xc3, 0x28])],
            Then::Failed,
        ),
        (
            "too large",
            vec![(FIN | TEXT, vec![b' '; 65 * 1024])],
            Then::TooBig,
        ),
        (
            "too large in fragments",
            vec![
                (TEXT, vec![b' '; 40 * 1024]),
                (FIN | CONTINUATION, vec![b' '; 40 * 1024]),
            ],
            Then::TooBig,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_are_read_as_the_protocol_says() {
    let world = World::new(Kind::Embedded).await;
    for (name, frames, then) in table() {
        let mut client = world.desk.agent().await;
        for (first, payload) in frames {
            // What was refused meanwhile is not read to its end.
            let _ = client.0.frame(first, &payload).await;
        }
        match then {
            Then::Answered => assert_eq!(client.next().await, json!({"op": "pong"}), "{name}"),
            Then::Ponged => {
                let heard = timeout(PATIENCE, client.0.next()).await.unwrap();
                assert!(matches!(heard, Heard::Pong(_)), "{name}: {heard:?}");
            }
            Then::Failed => {
                let code = client.closed().await;
                assert!([0, 1002, 1007].contains(&code), "{name}: {code}");
            }
            Then::Refused => {
                let said = client.next().await;
                assert_eq!(said["code"], "INVALID_FRAME", "{name}: {said}");
                assert_eq!(
                    client.ask(json!({"op": "ping"})).await["op"],
                    "pong",
                    "{name}"
                );
            }
            Then::Ended(expected) => {
                let code = client.closed().await;
                assert_eq!(code, expected, "{name}");
            }
            Then::Left => {
                let code = client.closed().await;
                assert!([0, 1000, 1005].contains(&code), "{name}: {code}");
            }
            Then::TooBig => {
                let code = client.closed().await;
                assert!([0, 4413].contains(&code), "{name}: {code}");
            }
        }
    }
    // Nobody else was harmed.
    let mut client = world.desk.agent().await;
    assert_eq!(client.ask(json!({"op": "ping"})).await["op"], "pong");
    // Half closed: it says no more, and is not kept.
    client.0.shut().await.unwrap();
    assert!([0, 1000].contains(&client.closed().await));
    // Half closed in the midst of a frame.
    let mut client = world.desk.agent().await;
    let half = [FIN | TEXT, 0x80 | 20, 1, 2, 3, 4, b'x'];
    client.0.raw(&half).await.unwrap();
    client.0.shut().await.unwrap();
    assert!([0, 1000].contains(&client.closed().await));
    // Lengths that are only said: nothing of theirs is waited for, or kept.
    for length in [1_u64 << 40, u64::MAX] {
        let mut client = world.desk.agent().await;
        let head = [
            &[FIN | TEXT, 0x80 | 127][..],
            &length.to_be_bytes(),
            &[0; 4],
        ]
        .concat();
        client.0.raw(&head).await.unwrap();
        let code = client.closed().await;
        assert!([0, 1002, 4413].contains(&code), "{length}: {code}");
    }
    // An unmasked frame, which no client may send.
    let mut client = world.desk.agent().await;
    client.0.raw(&[FIN | TEXT, 2, b'{', b'}']).await.unwrap();
    assert_eq!(client.closed().await, 1002);
    world.end().await;
}
