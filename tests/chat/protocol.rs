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
            "a continuation of nothing",
            vec![(FIN | CONTINUATION, whole.clone())],
            Then::Ended(1002),
        ),
        (
            "a text inside a text",
            vec![(TEXT, one), (FIN | TEXT, whole)],
            Then::Ended(1002),
        ),
        (
            "bad UTF-8",
            vec![(FIN | TEXT, vec![0xc3, 0x28])],
            Then::Ended(1007),
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
    // An unmasked frame, which no client may send.
    let mut client = world.desk.agent().await;
    client.0.raw(&[FIN | TEXT, 2, b'{', b'}']).await.unwrap();
    assert_eq!(client.closed().await, 1002);
    world.end().await;
}
