//! A dialer at the bridge: what it asks, what it hears, and what was counted for it.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use bin_common_handler::testing::{
    Answer, http,
    lab::{Daemon, Program, Scene},
};
use serde_json::{Value as Json, json};
use tokio::time::{Instant, timeout};

/// The key that opens everything at this bridge.
const OPERATOR: &str = "the-operators-key-of-this-test";
/// What a dialer waits for an answer; a call that waits longer is a call that hangs.
pub const PATIENCE: Duration = Duration::from_secs(1);
/// What a test waits for an answer before it gives up on the bridge.
const HANGING: Duration = Duration::from_secs(10);
/// Longest wait of those who are not dialers.
const CALM: Duration = Duration::from_secs(30);
const NUMBERS: [&str; 2] = ["+14155550101", "+14155550102"];

/// did-manager and the bridge, a customer with two numbers and no caps, and its dialer's key.
pub struct Desk {
    at: SocketAddr,
    dialer: String,
    _daemons: [Daemon; 2],
}

/// What a dialer heard, and after how long.
#[derive(Debug)]
pub struct Heard {
    /// Nothing: the connection just hung, or ended without an answer.
    pub answer: Option<Answer>,
    pub took: Duration,
}

impl Heard {
    pub fn status(&self) -> u16 {
        self.answer.as_ref().map_or(0, |answer| answer.status)
    }

    /// The bridge sent it on, and heard nothing in time.
    pub fn is_unanswered(&self) -> bool {
        let answer = self.answer.as_ref();
        answer.is_some_and(|answer| answer.body.contains("request_timeout"))
    }
}

impl Desk {
    /// Starts both and furnishes them.
    pub async fn open(scene: &Scene) -> Self {
        let at = free_address();
        let settings = [
            ("HTTP_LISTEN_ADDRESS", &*at.to_string()),
            ("BRIDGE_ACCESS_KEY", OPERATOR),
            ("RATE_LIMIT_PER_SECOND", "0"),
        ];
        let bridge = Program {
            name: "http-bridge",
            file: env!("CARGO_BIN_EXE_http-bridge"),
        };
        let daemons = [scene.spawn(&[]), scene.spawn_other(bridge, &settings)];
        for daemon in &daemons {
            daemon.ready().await;
        }
        let mut desk = Self {
            at,
            dialer: OPERATOR.to_owned(),
            _daemons: daemons,
        };
        desk.furnish().await;
        desk
    }

    async fn furnish(&mut self) {
        let customer = json!({
            "did_daily_cap": 0, "did_hourly_cap": 0, "did_cooldown_seconds": 0,
        });
        self.ok("POST /api/v1/customers", customer).await;
        let key = json!({"scopes": ["did:next", "did:read"]});
        let key = self.ok("POST /api/v1/accesskeys", key).await;
        for number in NUMBERS {
            self.ok("POST /api/v1/dids", json!({"number": number}))
                .await;
        }
        key["token"].as_str().unwrap().clone_into(&mut self.dialer);
    }

    async fn ok(&self, line: &str, body: Json) -> Json {
        let body = body.to_string();
        let asked = timeout(CALM, self.send(line, &body)).await;
        let answer = asked.expect(line).expect(line);
        assert_eq!(answer.status, 200, "{line}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    async fn send(&self, line: &str, body: &str) -> Option<Answer> {
        let key = format!("x-api-key: {}", self.dialer);
        http(self.at, line, &[&key], body).await
    }

    /// Asks once for a number for the call `uniqueid`, over a connection of its own.
    pub async fn next(&self, uniqueid: &str) -> Heard {
        let line = format!(
            "GET /api/v1/dids/next?campaign_id=SALES&customer_phone=2125559876&uniqueid={uniqueid}"
        );
        let started = Instant::now();
        let answer = timeout(HANGING, self.send(&line, "")).await.ok().flatten();
        Heard {
            answer,
            took: started.elapsed(),
        }
    }

    /// The calls for which a usage was written, newest first.
    pub async fn calls(&self) -> Vec<String> {
        let usages = self
            .ok("GET /api/v1/usages?page_size=1000", Json::Null)
            .await;
        let calls = usages.as_array().unwrap().iter();
        calls
            .map(|usage| usage["uniqueid"].as_str().unwrap().to_owned())
            .collect()
    }

    /// How many calls the numbers' counters have.
    pub async fn counted(&self) -> i64 {
        let dids = self.ok("GET /api/v1/dids", Json::Null).await;
        let dids = dids.as_array().unwrap().iter();
        dids.map(|did| did["calls_total"].as_i64().unwrap()).sum()
    }
}

/// An address that nobody listens at. Its port is below those that the system gives to outgoing connections, so none of
/// them takes it before the daemon does.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000
            + (std::process::id() as u16)
                .wrapping_mul(31)
                .wrapping_add(nth)
                % 10_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
