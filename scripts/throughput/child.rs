//! A process under measurement: started, watched through /proc, killed with its value.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::{Result, Role};

/// The unit of times in /proc/<pid>/stat: USER_HZ is 100 on every Linux that Rust's std runs on.
const TICK: Duration = Duration::from_millis(10);
/// Positions after the command's closing parenthesis in /proc/<pid>/stat.
const UTIME: usize = 11;
const STIME: usize = 12;
const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(35);

/// A running child. Dropped, it is killed.
pub(crate) struct Child {
    process: Mutex<std::process::Child>,
    pid: u32,
    name: String,
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Child {
    /// Starts the daemon with nothing but `settings` in its environment and what it says in `log`.
    pub(crate) fn daemon(program: &Path, log: &Path, settings: &[(&str, String)]) -> Result<Self> {
        let process = Command::new(
            program
                .canonicalize()
                .unwrap_or_else(|_| program.to_owned()),
        )
        .env_clear()
        .envs(settings.iter().map(|(name, value)| (*name, value.as_str())))
        // Where no file of settings lies.
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(log)?)
        .spawn()
        .map_err(|fault| format!("{}: {fault}", program.display()))?;
        Ok(Self::new(
            process,
            format!("{} (see {})", program.display(), log.display()),
        ))
    }

    /// Starts this program as a reference. It ends when the pipe that brings its settings does.
    pub(crate) fn reference(role: Role, settings: &str) -> Result<Self> {
        let process = Command::new(std::env::current_exe()?)
            .args(["--role", role.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        let child = Self::new(process, format!("the {} reference", role.name()));
        if let Some(pipe) = child.process().stdin.as_mut() {
            writeln!(pipe, "{settings}")?;
        }
        Ok(child)
    }

    fn new(process: std::process::Child, name: String) -> Self {
        Self {
            pid: process.id(),
            process: Mutex::new(process),
            name,
        }
    }

    fn process(&self) -> MutexGuard<'_, std::process::Child> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) const fn pid(&self) -> u32 {
        self.pid
    }

    /// Fails when the process has ended.
    pub(crate) fn check(&self) -> Result<()> {
        match self.process().try_wait()? {
            Some(status) => Err(format!("{} ended: {status}", self.name).into()),
            None => Ok(()),
        }
    }

    /// CPU time that all its threads have used so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = self.read("stat")?;
        let (_, fields) = stat.rsplit_once(')').ok_or("/proc/<pid>/stat is odd")?;
        let fields: Vec<_> = fields.split_whitespace().collect();
        let ticks = |position: usize| -> Result<u32> {
            Ok(fields
                .get(position)
                .ok_or("/proc/<pid>/stat is short")?
                .parse()?)
        };
        Ok(TICK * (ticks(UTIME)? + ticks(STIME)?))
    }

    /// Its memory now, in bytes.
    pub(crate) fn rss(&self) -> Result<u64> {
        self.status("VmRSS:")
    }

    /// The most memory it had, in bytes.
    pub(crate) fn rss_max(&self) -> Result<u64> {
        self.status("VmHWM:")
    }

    fn status(&self, field: &str) -> Result<u64> {
        let status = self.read("status")?;
        let kib: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix(field))
            .and_then(|rest| rest.split_whitespace().next())
            .ok_or_else(|| {
                format!(
                    "{field} is not in /proc/<pid>/status: {} is gone",
                    self.name
                )
            })?
            .parse()?;
        Ok(kib * 1024)
    }

    fn read(&self, file: &str) -> Result<String> {
        Ok(std::fs::read_to_string(format!(
            "/proc/{}/{file}",
            self.pid
        ))?)
    }

    /// Waits until `address` answers `/readyz` with 200; the time it took.
    pub(crate) async fn ready(&self, address: &str) -> Result<Duration> {
        let started = Instant::now();
        while started.elapsed() < START_MAX {
            if is_ready(address).await {
                return Ok(started.elapsed());
            }
            self.check()?;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Err(format!("{} was not ready within {START_MAX:?}", self.name).into())
    }

    /// Kills it, as a machine that dies does.
    pub(crate) fn kill(&self) {
        let mut process = self.process();
        let _ = process.kill();
        let _ = process.wait();
    }

    /// Asks it to end, as an operator would, and waits for that.
    pub(crate) async fn stop(self) -> Result<()> {
        let pid = self.pid.to_string();
        Command::new("kill").args(["-TERM", &pid]).status()?;
        let end = Instant::now() + STOP_MAX;
        while self.process().try_wait()?.is_none() {
            if Instant::now() > end {
                return Err(format!("{} did not stop within {STOP_MAX:?}", self.name).into());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

async fn is_ready(address: &str) -> bool {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            .await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        std::io::Result::Ok(&head == b"HTTP/1.1 200")
    };
    let asked = tokio::time::timeout(Duration::from_secs(1), asked).await;
    matches!(asked, Ok(Ok(true)))
}

/// An address on this machine that nothing listens on.
pub(crate) fn free_address() -> Result<String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    Ok(listener.local_addr()?.to_string())
}
