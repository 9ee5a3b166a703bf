//! The real daemon, as a process of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde_json::Value as Json;
use tokio::time::Instant;

use super::{
    http,
    node::free_port,
    process::{Process, Usage, folder, keep},
    site::until,
};
use crate::ids;

/// Lines shown of what a daemon said before its test failed.
const LAST_WORDS: usize = 25;

/// Which daemon is tried.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its name on the wire, e.g. `outdial-manager`.
    pub name: &'static str,
    /// Where its program is: `env!("CARGO_BIN_EXE_…")`.
    pub file: &'static str,
}

impl Program {
    /// The program `name` that was built beside the program `file`: `cargo test --workspace` builds all of them.
    /// Panics when it is missing.
    pub fn beside(file: &str, name: &'static str) -> Self {
        let file = Path::new(file).with_file_name(name);
        assert!(
            file.exists(),
            "{} is missing: scripts/faults and cargo test --workspace build it, where its crate has a [[bin]]",
            file.display()
        );
        Self {
            name,
            file: file.display().to_string().leak(),
        }
    }
}

/// One running daemon; killed with this value.
pub struct Daemon {
    process: Process,
    port: u16,
    log: PathBuf,
}

impl Daemon {
    /// Starts it on the private nodes; does not wait for anything.
    pub(super) fn spawn(
        program: Program,
        services: &[(&'static str, String)],
        settings: &[(&str, &str)],
    ) -> Self {
        let dir = folder(&format!("daemon-{}", ids::next().simple()));
        let (port, log) = (free_port(), dir.join("log"));
        let mut command = Command::new(keep(program.file));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(services.iter().cloned())
            .env("PROMETHEUS_LISTEN_ADDRESS", format!("127.0.0.1:{port}"))
            .env("DATA_DIR", &dir)
            .env("LOG_LEVEL", "debug")
            .envs(settings.iter().copied())
            .current_dir(&dir);
        let process = Process::spawn(&mut command, &log);
        Self { process, port, log }
    }

    /// Waits until it serves.
    pub async fn ready(&self) {
        until("the daemon serves", async || self.is_ready().await).await;
    }

    /// Waits until it says that it does not serve.
    pub async fn not_ready(&self) {
        until("the daemon says that it does not serve", async || {
            (http::get(self.port, "/readyz").await?.0 == 503).then_some(())
        })
        .await;
    }

    async fn is_ready(&self) -> Option<()> {
        (http::get(self.port, "/readyz").await?.0 == 200).then_some(())
    }

    /// Status and report of `/readyz` or `/healthz`.
    pub async fn report(&self, path: &str) -> Option<(u16, Json)> {
        let (status, body) = http::get(self.port, path).await?;
        Some((status, serde_json::from_str(&body).ok()?))
    }

    /// The port of its metrics and health.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// All figures, as they are told.
    pub async fn figures(&self) -> Option<String> {
        Some(http::get(self.port, "/metrics").await?.1)
    }

    /// The sum of the figures whose line starts with `name` and contains `label`.
    pub async fn figure(&self, name: &str, label: &str) -> f64 {
        let text = self.figures().await.unwrap_or_default();
        text.lines()
            .filter(|line| line.starts_with(name) && line.contains(label))
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
            .sum()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// Waits for its end; exit code, or nothing after a signal.
    pub async fn ended(&mut self) -> Option<i32> {
        until("the daemon ends", async || self.process.ended())
            .await
            .code()
    }

    /// SIGTERM, then the end: exit code and how long it took.
    pub async fn terminate(&mut self) -> (Option<i32>, Duration) {
        let started = Instant::now();
        self.signal("TERM");
        (self.ended().await, started.elapsed())
    }

    /// What its process uses of the machine now; nothing when it has ended.
    pub fn usage(&self) -> Option<Usage> {
        self.process.usage()
    }

    /// What it said.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The end of it, without the requests that it served.
    pub fn last_words(&self) -> String {
        let log = self.log();
        let mut lines: Vec<_> = log
            .lines()
            .filter(|line| !line.contains(" served "))
            .collect();
        lines.drain(..lines.len().saturating_sub(LAST_WORDS));
        lines.join("\n")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("-- a daemon's last words --\n{}", self.last_words());
        }
    }
}
