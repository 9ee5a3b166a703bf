//! One private server: how it is started, and its process while it runs.

use std::{
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::Command,
};

use super::{
    process::{Process, folder},
    site::until,
};

/// A server that may be killed.
pub struct Node {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    pub(super) dir: PathBuf,
    command: fn(&Node) -> Command,
    process: Option<Process>,
}

impl Node {
    pub(super) fn new(name: &str, command: fn(&Self) -> Command) -> Self {
        let port = free_port();
        Self {
            port,
            dir: folder(&format!("{name}-{port}")),
            command,
            process: None,
        }
    }

    /// Starts it, unless it runs.
    pub fn start(&mut self) {
        if self.process.as_mut().is_some_and(|p| p.ended().is_none()) {
            return;
        }
        let mut command = (self.command)(self);
        self.process = Some(Process::spawn(&mut command, &self.dir.join("out.log")));
    }

    /// Waits until it accepts connections.
    pub async fn up(&self) {
        until("the node accepts connections", async || {
            TcpStream::connect(("127.0.0.1", self.port))
                .is_ok()
                .then_some(())
        })
        .await;
    }

    /// Kills it: no destructor runs.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// Its disk is gone; it must not run.
    pub fn wipe(&self) {
        std::fs::remove_dir_all(&self.dir).expect("a folder");
        std::fs::create_dir_all(&self.dir).expect("a folder");
    }

    /// Ends it as `systemctl stop` does, and waits for that.
    pub async fn terminate(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.signal("TERM");
            until("the node ends", async || process.ended()).await;
        }
    }

    /// Stops its process without ending it, or lets it go on.
    pub fn freeze(&self, on: bool) {
        if let Some(process) = &self.process {
            process.signal(if on { "STOP" } else { "CONT" });
        }
    }

    /// A program at home in this node's folder: what it leaves behind when it dies stays there.
    pub(super) fn program(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.dir)
            .env("HOME", &self.dir)
            .env("ERL_CRASH_DUMP", self.dir.join("erl_crash.dump"));
        command
    }
}

/// A port that nobody listens on.
pub(super) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}
