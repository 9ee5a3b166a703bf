//! Tandem in a folder of its own: this very program as `serve`, on the embedded default, beside a carrier that is built
//! in. Both are gone when the demonstration ends.

use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bin_common_handler::{ids, redact::Secret};
use provider_stand_in::Provider;

use crate::client::{Address, Client, Options, get};

/// How long the daemons may take to start.
const START_MAX: Duration = Duration::from_secs(60);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// How long one request may take.
const REQUEST_MAX: Duration = Duration::from_secs(10);
/// Lines of the daemons' log that are shown after a failure.
const LOG_LINES: usize = 8;

/// The daemons, their folder, and the carrier.
pub struct Installation {
    /// The carrier.
    pub carrier: Provider,
    /// Where the bridge is.
    pub bridge: SocketAddr,
    /// The way to it.
    pub client: Client,
    daemons: Daemons,
}

/// A folder with the process that works in it. Dropped, both are gone.
struct Daemons {
    process: Child,
    folder: PathBuf,
}

impl Drop for Daemons {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Installation {
    /// Starts carrier and daemons, and waits until they answer.
    ///
    /// # Errors
    /// What does not start, and why.
    pub async fn start() -> Result<Self, String> {
        let carrier = Provider::start()
            .await
            .map_err(|fault| format!("the carrier cannot listen: {fault}"))?;
        let bridge = free_address().map_err(|fault| format!("no port is free: {fault}"))?;
        let mut daemons = launch(bridge, &carrier.url())
            .map_err(|fault| format!("Tandem cannot be started: {fault}"))?;
        let client = match reach(&mut daemons, bridge).await {
            Ok(client) => client,
            Err(fault) => return Err(daemons.explained(&fault)),
        };
        Ok(Self {
            carrier,
            bridge,
            client,
            daemons,
        })
    }

    /// Where the carrier sends webhooks of this kind.
    pub fn hook(&self, what: &str) -> String {
        format!("http://{}/v1/webhooks/twilio/{what}", self.bridge)
    }

    /// A failure, with what the daemons said last.
    pub fn explained(&self, fault: &str) -> String {
        self.daemons.explained(fault)
    }

    /// Ends everything.
    pub async fn stop(self) {
        self.carrier.stop().await;
        drop(self.daemons);
    }
}

impl Daemons {
    fn explained(&self, fault: &str) -> String {
        let log = fs::read_to_string(log(&self.folder)).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let last = lines.len().saturating_sub(LOG_LINES);
        let last = lines.get(last..).unwrap_or_default().join("\n");
        if last.is_empty() {
            return fault.to_owned();
        }
        format!("{fault}\nThe daemons said last:\n{last}")
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join("serve.log")
}

/// A port that nobody has now. Somebody may take it before the bridge does, which then says so.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// This program as `serve`, with nothing of the surroundings: no settings, no tandem.toml, no database of anybody.
fn launch(bridge: SocketAddr, carrier: &str) -> io::Result<Daemons> {
    let folder = std::env::temp_dir().join(format!("tandem-demo-{}", ids::next().simple()));
    fs::create_dir(&folder)?;
    let started = File::create(log(&folder)).and_then(|said| {
        Command::new(std::env::current_exe()?)
            .arg("serve")
            .current_dir(&folder)
            .env_clear()
            .env("DATA_DIR", folder.join("data"))
            .env("HTTP_LISTEN_ADDRESS", bridge.to_string())
            .env("PROMETHEUS_LISTEN_ADDRESS", "127.0.0.1:0")
            .env("PUBLIC_URL", format!("http://{bridge}"))
            .env("TWILIO_BASE_URL", carrier)
            // The carrier is on this machine.
            .env("ALLOW_PRIVATE_ENDPOINTS", "true")
            .env("LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            .spawn()
    });
    match started {
        Ok(process) => Ok(Daemons { process, folder }),
        Err(fault) => {
            let _ = fs::remove_dir_all(&folder);
            Err(fault)
        }
    }
}

/// Waits until the bridge answers with the key that it made.
async fn reach(daemons: &mut Daemons, bridge: SocketAddr) -> Result<Client, String> {
    let began = Instant::now();
    loop {
        if let Ok(Some(status)) = daemons.process.try_wait() {
            return Err(format!("Tandem ended while it started ({status})"));
        }
        if began.elapsed() > START_MAX {
            let seconds = START_MAX.as_secs();
            return Err(format!("Tandem did not answer within {seconds} s"));
        }
        let key = fs::read_to_string(daemons.folder.join("data/bridge.key"));
        if let Ok(key) = key {
            let options = Options::of(
                Address::of_bridge(bridge),
                Secret::new(key.trim()),
                REQUEST_MAX,
            );
            let client = Client::open(&options, "").map_err(|fault| fault.to_string())?;
            let asked: Result<serde_json::Value, _> = get(&client, "/v1/templates").await;
            if asked.is_ok() {
                return Ok(client);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}
