//! The SIP redirect server, by sockets of a switch.

mod access;
mod calls;

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use bin_common_handler::{
    ids,
    models::{
        frame::Frame,
        sock::Method::{Get, Post},
        text::hex,
    },
    testing::{Kind, until},
};
use md5::{Digest, Md5};
use rstest::rstest;
use serde_json::{Value as Json, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
    time::timeout,
};

use crate::world::{World, id, reason, text};

const CALLER: &str = "+14155550123";
const CALLED: &str = "+14155550100";

/// A switch that sends from its own socket.
struct Switch {
    socket: UdpSocket,
    server: SocketAddr,
}

impl Switch {
    async fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self { socket, server }
    }

    async fn send(&self, message: &str) {
        let sent = self.socket.send_to(message.as_bytes(), self.server);
        sent.await.unwrap();
    }

    /// The next message; nothing within a while.
    async fn next_within(&self, ms: u64) -> Option<String> {
        let mut bytes = [0; 8_192];
        let received = self.socket.recv_from(&mut bytes);
        let (length, _) = timeout(Duration::from_millis(ms), received)
            .await
            .ok()?
            .unwrap();
        Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }

    async fn next(&self) -> String {
        self.next_within(10_000).await.expect("an answer")
    }

    /// The next message with a final answer.
    async fn last(&self) -> String {
        loop {
            let next = self.next().await;
            if code(&next) != 100 {
                return next;
            }
        }
    }
}

fn code(message: &str) -> u16 {
    message.split(' ').nth(1).unwrap().parse().unwrap()
}

fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let mut lines = message.lines();
    let found = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.unwrap_or_default()
}

fn message(method: &str, call: &str, more: &str) -> String {
    to(method, CALLED, CALLER, call, more)
}

fn to(method: &str, called: &str, caller: &str, call: &str, more: &str) -> String {
    format!(
        "{method} sip:{called}@sip.example SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{call}\r\nMax-Forwards: 70\r\n\
         From: <sip:{caller}@192.0.2.1>;tag=a\r\nTo: <sip:{called}@sip.example>\r\n\
         Call-ID: {call}@192.0.2.1\r\nCSeq: 1 {method}\r\n{more}Content-Length: 0\r\n\r\n"
    )
}

/// A port that is free for both transports. It is below those that the system gives to outgoing connections, so none of
/// them takes it before the daemon does.
fn free() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000
            + (std::process::id() as u16)
                .wrapping_mul(31)
                .wrapping_add(nth)
                % 10_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let udp = std::net::UdpSocket::bind(address);
        let tcp = std::net::TcpListener::bind(address);
        if udp.is_ok() && tcp.is_ok() {
            return address;
        }
    }
}

async fn open(kind: Kind, more: &[(&'static str, &str)]) -> (World, SocketAddr) {
    let address = free();
    let text = address.to_string();
    let mut settings = vec![("SIP_LISTEN_ADDRESS", text.as_str())];
    settings.extend_from_slice(more);
    (World::with_settings(kind, &settings).await, address)
}

/// A campaign on the number, with one buyer.
async fn sold_at(world: &World, amount: i64) -> (String, String) {
    let campaign = world.campaign(json!({"numbers": [CALLED]})).await;
    let buyer = world.buyer(10_000, json!({})).await;
    world.profile(&buyer, &campaign, amount, json!({})).await;
    (campaign, buyer)
}

async fn calls(world: &World) -> Vec<Json> {
    let calls = world.client.ok(Get, "/v1/calls", None).await;
    calls.as_array().unwrap().clone()
}

/// Calls a second, and calls: 5 s of few, as a debug build beside other tests has; with `SIPP_RATE=200` and a release build
/// 30 s of the contract's.
#[expect(clippy::disallowed_methods, reason = "a test is no daemon")]
fn sipp_load() -> (String, i64) {
    match std::env::var("SIPP_RATE")
        .ok()
        .map(|rate| rate.parse::<i64>())
    {
        Some(rate) => {
            let rate = rate.expect("SIPP_RATE is a number");
            (rate.to_string(), rate * 30)
        }
        None => ("10".to_owned(), 50),
    }
}

/// A SIP program of others (Debian's sip-tester, which scripts/test installs) sends calls and times its answers.
#[rstest]
#[case::udp("u1", Kind::Embedded)]
#[case::udp_replicas("u1", Kind::Full)]
#[case::tcp("t1", Kind::Embedded)]
#[tokio::test(flavor = "multi_thread")]
async fn sipp_is_redirected(#[case] transport: &str, #[case] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    let fraud = json!({"calls_per_caller_hour": null, "calls_per_account_hour": null});
    let campaign = world
        .campaign(json!({"numbers": [CALLED], "fraud": fraud}))
        .await;
    let buyer = world.buyer(1_000_000, json!({})).await;
    world.profile(&buyer, &campaign, 5, json!({})).await;
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sip/redirect.xml");
    let (rate, calls) = sipp_load();
    let folder = tempfile::tempdir().unwrap();
    let (count, at) = (calls.to_string(), address.to_string());
    let within = folder.path().to_owned();
    let transport = transport.to_owned();
    let run = move || {
        std::process::Command::new("sipp")
            .current_dir(within)
            .args(["-sf", scenario, "-t", &transport, "-r", &rate, "-m", &count])
            .args([
                "-i",
                "127.0.0.1",
                "-timeout",
                "120s",
                "-timeout_error",
                "-nostdin",
            ])
            .args(["-trace_err", &at])
            .output()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let output = output.expect("sipp; scripts/sip-tester installs it");
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(world.money(&buyer).await, (1_000_000, 5 * calls));
    world.end().await;
}
