//! The scripts and the URLs against the real thing: managers and bridge in this process, as `tandem serve` runs them.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    time::Duration,
};

use bin_common_handler::{
    config::{AnySetting, COMMON, Config},
    daemon::{StartError, run},
};
use serde_json::{Value, json};
use tandem::managers;
use tempfile::TempDir;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::asterisk::{Asterisk, CALL_ID};

/// Attempts to start, each at addresses of its own.
const STARTS_MAX: u32 = 4;

pub const NUMBERS: [&str; 3] = ["+14155550101", "+14155550102", "+14155550103"];

/// Tandem with one customer, its numbers, and a key for its dialer.
pub struct Tandem {
    _dir: TempDir,
    pub at: SocketAddr,
    operator: String,
    pub dialer: String,
    stop: oneshot::Sender<()>,
    running: JoinHandle<Result<(), StartError>>,
}

impl Tandem {
    /// An address that was free may be taken by the time it is wanted: then with others.
    pub async fn start() -> Self {
        for _ in 1..STARTS_MAX {
            if let Some(started) = Self::try_start().await {
                return started;
            }
        }
        Self::try_start().await.expect("it did not start")
    }

    async fn try_start() -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let at = free_address();
        let (stop, stopped) = oneshot::channel::<()>();
        let tables = managers::ALL.iter().map(|it| (it.name, (it.routes)()));
        let running = tokio::spawn(run(
            config(dir.path(), at),
            managers::ALL.to_vec(),
            Some(tandem::bridge::sidecar(tables.collect())),
            async { drop(stopped.await) },
        ));
        let key = dir.path().join("bridge.key");
        while !key.exists() {
            if running.is_finished() {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let mut tandem = Self {
            operator: std::fs::read_to_string(key).unwrap().trim().to_owned(),
            _dir: dir,
            at,
            dialer: String::new(),
            stop,
            running,
        };
        tandem.furnish();
        Some(tandem)
    }

    fn furnish(&mut self) {
        let customer = json!({"name": "Acme", "dial_prefixes": ["9"]});
        self.ask("POST /api/v1/customers", &customer.to_string());
        let scopes = json!({"name": "dialer 1", "scopes": ["did:next", "did:report"]});
        let key = self.ask("POST /api/v1/accesskeys", &scopes.to_string());
        self.dialer = key["token"].as_str().unwrap().to_owned();
        let numbers: Vec<_> = NUMBERS.iter().map(|it| json!({"cid": it})).collect();
        self.ask("POST /api/v1/dids/bulk", &json!(numbers).to_string());
    }

    /// An answer to the operator, who must be answered well.
    fn ask(&self, line: &str, body: &str) -> Value {
        let (status, text) = http(self.at, line, &self.operator, body);
        assert_eq!(status, 200, "{line}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub fn usages(&self) -> Vec<Value> {
        serde_json::from_value(self.ask("GET /api/v1/usages", "")).unwrap()
    }

    /// A call of the dialer, which has its key.
    fn call(&self, uniqueid: &str) -> Asterisk {
        let asterisk = Asterisk::new("").with("uniqueid", uniqueid);
        asterisk.settings(&format!(
            "url = http://{}\nkey = {}\n",
            self.at, self.dialer
        ));
        asterisk
    }

    pub async fn end(self) {
        self.stop.send(()).unwrap();
        self.running.await.unwrap().unwrap();
    }
}

fn config(dir: &Path, at: SocketAddr) -> Config {
    let own = managers::ALL.iter().flat_map(|it| it.settings);
    let settings: Vec<AnySetting> = COMMON.iter().chain(own).copied().collect();
    let values = [
        ("DATA_DIR", dir.to_str().unwrap()),
        ("HTTP_LISTEN_ADDRESS", &at.to_string()),
        ("PROMETHEUS_LISTEN_ADDRESS", "127.0.0.1:0"),
        ("LOG_LEVEL", "error"),
    ];
    Config::with_values(&settings, &values).unwrap()
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

pub fn http(at: SocketAddr, line: &str, key: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(at).unwrap();
    let length = body.len();
    let head = format!("{line} HTTP/1.1\r\nhost: t\r\nconnection: close\r\nx-api-key: {key}");
    write!(stream, "{head}\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (
        head.split(' ').nth(1).unwrap().parse().unwrap(),
        body.to_owned(),
    )
}

/// What VICIdial makes of a URL in dispo-urls.txt that has `/{name}?` in it.
fn filled_in(name: &str, key: &str, fields: &[(&str, &str)]) -> String {
    let file = include_str!("../../scripts/vicidial/dispo-urls.txt");
    let is_wanted =
        |line: &&str| line.starts_with("VARhttp") && line.contains(&format!("/{name}?"));
    let line = file.lines().find(is_wanted).unwrap();
    let uri = line.strip_prefix("VARhttp://127.0.0.1:8080").unwrap();
    let mut uri = uri.replace("key=did_&", &format!("key={key}&"));
    for (field, value) in fields {
        uri = uri.replace(&format!("--A--{field}--B--"), value);
    }
    assert!(!uri.contains("--A--"), "{uri}");
    uri
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runs_for_one_call_get_one_number_that_is_counted_once() {
    let tandem = Tandem::start().await;
    let mut given = Vec::new();
    for uniqueid in ["1763000000.1", "1763000000.1", "1763000000.2"] {
        let mut call = tandem.call(uniqueid);
        let ran = call.run(&["next-did", "SALES"]);
        ran.assert_well();
        assert_eq!(call.variable("TANDEM_STATUS"), "ok", "{ran:?}");
        let number = call.variable("CALLERID(num)").to_owned();
        assert!(NUMBERS.contains(&number.as_str()), "{number}");
        given.push(number);
    }
    assert_eq!(given[0], given[1]);
    assert_ne!(given[0], given[2], "the first one rests");
    let usages = tandem.usages();
    assert_eq!(usages.len(), 2, "{usages:?}");
    assert_eq!(usages[1]["uniqueid"], "1763000000.1");
    assert_eq!(usages[1]["lead_id"], "12345");
    assert_eq!(usages[1]["phone_last4"], "9876");
    tandem.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_reported_by_its_channel_and_then_by_its_agent() {
    let tandem = Tandem::start().await;
    let mut call = tandem.call("1763000000.3");
    call.run(&["next-did", "SALES"]).assert_well();
    for (name, value) in [
        ("DIALSTATUS", "ANSWER"),
        ("ANSWEREDTIME", "37"),
        ("HANGUPCAUSE", "16"),
    ] {
        call = call.with_variable(name, value);
    }
    let mut call = call.with("extension", "h");
    let ran = call.run(&["report"]);
    let is_told = |it: &String| it.contains("tandem: reported ANSWER");
    assert!(ran.commands.iter().any(is_told), "{ran:?}");
    let usage = &tandem.usages()[0];
    assert_eq!(usage["duration_seconds"], 37, "{usage}");
    assert_ne!(usage["outcome"], "", "{usage}");

    // The agent's leg has an id of its own, and the lead another number: the call's name tells.
    let fields = [
        ("call_id", CALL_ID),
        ("uniqueid", "1763000000.4"),
        ("phone_number", "4155550000"),
        ("lead_id", "12345"),
        ("list_id", "101"),
        ("campaign", "SALES"),
        ("user", "1001"),
        ("dispo", "SALE"),
        ("talk_time", "35"),
        ("term_reason", "CALLER"),
        ("epoch", "1795000000"),
    ];
    for name in ["no-agent", "dispo"] {
        let uri = filled_in(name, &tandem.dialer, &fields);
        let (status, text) = http(tandem.at, &format!("GET {uri}"), "", "");
        assert_eq!(status, 200, "{name}: {text}");
    }
    assert_eq!(tandem.usages()[0]["disposition"], "SALE");
    tandem.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_go_out_without_a_number_without_a_key_and_without_tandem() {
    let tandem = Tandem::start().await;
    for n in 0..NUMBERS.len() {
        tandem
            .call(&format!("1763000001.{n}"))
            .run(&["next-did"])
            .assert_well();
    }
    let mut none = tandem.call("1763000002.1");
    let mut unknown = tandem.call("1763000002.2");
    unknown.settings(&format!(
        "url = http://{}\nkey = did_{:064x}\n",
        tandem.at, 7
    ));
    let mut away = tandem.call("1763000002.3");
    for (call, status) in [(&mut none, "none"), (&mut unknown, "error")] {
        call.run(&["next-did"]).assert_well();
        assert_eq!(call.variable("TANDEM_STATUS"), status);
    }
    tandem.end().await;
    away.run(&["next-did"]).assert_well();
    assert_eq!(away.variable("TANDEM_STATUS"), "error");
    for call in [none, unknown, away] {
        assert_eq!(call.variable("CALLERID(num)"), "2125550100");
    }
}
