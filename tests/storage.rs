//! The embedded database's disk is full, or its files go away, while the real program runs on it.
//!
//! A disk of its own needs the right to mount one; where nobody has it, those tests say so and do nothing.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests too, which the lint does not see"
)]

use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

/// How long a daemon may take to be there.
const START: Duration = Duration::from_secs(60);
/// How long health may take to say what is wrong, and that it is over.
const NOTICED: Duration = Duration::from_secs(10);
const KEY: &str = "0123456789abcdef-of-a-test";
/// Room for the database, and little more.
const DISK: &str = "size=12m";

/// The program on a folder.
struct Daemon {
    process: Child,
    data: PathBuf,
    bridge: u16,
    metrics: u16,
    log: PathBuf,
}

/// A port that nobody listens on. It is below those that the system gives to outgoing connections, so none of them takes
/// it before the daemon does.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000
            + (std::process::id() as u16)
                .wrapping_mul(31)
                .wrapping_add(nth)
                % 10_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl Daemon {
    /// Starts it, with one customer that has a number.
    fn start(data: &Path, log: &Path) -> Self {
        let (bridge, metrics) = (free_port(), free_port());
        let process = Command::new(env!("CARGO_BIN_EXE_tandem"))
            .arg("serve")
            .current_dir(log.parent().unwrap())
            .env("DATA_DIR", data)
            .env("BRIDGE_ACCESS_KEY", KEY)
            .env("HTTP_LISTEN_ADDRESS", format!("127.0.0.1:{bridge}"))
            .env("PROMETHEUS_LISTEN_ADDRESS", format!("127.0.0.1:{metrics}"))
            .env_remove("DATABASE_DSN")
            .env_remove("RABBITMQ_ADDRESS")
            .stdout(Stdio::null())
            .stderr(fs::File::create(log).unwrap())
            .spawn()
            .unwrap();
        let daemon = Self {
            process,
            data: data.to_owned(),
            bridge,
            metrics,
            log: log.to_owned(),
        };
        daemon.until("it serves", START, || daemon.ready().0 == 200);
        daemon
    }

    fn until(&self, what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + limit;
        while !holds() {
            assert!(
                Instant::now() < end,
                "not within {limit:?}: {what}; {:?}",
                self.ready()
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    fn ask(port: u16, method: &str, uri: &str, body: &str) -> (u16, String) {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
            return (0, String::new());
        };
        stream
            .set_read_timeout(Some(Duration::from_secs(15)))
            .unwrap();
        let head = format!(
            "{method} {uri} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {KEY}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut reply = Vec::new();
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.read_to_end(&mut reply);
        let reply = String::from_utf8_lossy(&reply).into_owned();
        let (head, body) = reply.split_once("\r\n\r\n").unwrap_or((&reply, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
        (status.unwrap_or(0), body.to_owned())
    }

    fn post(&self, uri: &str, body: &Value) -> (u16, Value) {
        let (status, body) = Self::ask(self.bridge, "POST", uri, &body.to_string());
        (status, serde_json::from_str(&body).unwrap_or_default())
    }

    /// A change, its status and reason.
    fn change(&self, name: &str) -> (u16, String) {
        let (status, body) = self.post(
            "/v1/outdials",
            &json!({"name": name, "data": "x".repeat(60_000)}),
        );
        (
            status,
            body["reason"].as_str().unwrap_or_default().to_owned(),
        )
    }

    /// Readiness, and what it says of the database.
    fn ready(&self) -> (u16, String) {
        let (status, body) = Self::ask(self.metrics, "GET", "/readyz", "");
        let body: Value = serde_json::from_str(&body).unwrap_or_default();
        (status, body["parts"]["database"].to_string())
    }

    /// Health says it before the log does.
    fn is_told_once(&self, line: &str, what: &str) {
        self.until(line, NOTICED, || self.lines(line) > 0);
        assert_eq!(self.lines(line), 1, "{what}");
    }

    fn lines(&self, what: &str) -> usize {
        let log = fs::read_to_string(&self.log).unwrap();
        log.lines().filter(|line| line.contains(what)).count()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A small disk of its own; it goes with this value.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: PathBuf) -> Option<Self> {
        fs::create_dir(&at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", DISK, "tmpfs"])
            .arg(&at)
            .output();
        if mounted.is_ok_and(|done| done.status.success()) {
            return Some(Self(at));
        }
        eprintln!("not tested: this user may not mount a disk");
        None
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

type Befallen<'a> = (&'a str, &'a dyn Fn(&Path));

/// What befalls the database's files, one after the other, each on a fresh database.
#[test]
fn who_removes_or_replaces_a_file_of_the_database_is_noticed_before_the_next_answer() {
    let replaced = |data: &Path| {
        fs::copy(data.join("tandem.db"), data.join("copy")).unwrap();
        fs::rename(data.join("copy"), data.join("tandem.db")).unwrap();
    };
    let befallen: [Befallen; 7] = [
        ("all removed", &|data| {
            for name in ["tandem.db", "tandem.db-wal", "tandem.db-shm"] {
                fs::remove_file(data.join(name)).unwrap();
            }
        }),
        ("removed", &|data| {
            fs::remove_file(data.join("tandem.db")).unwrap()
        }),
        ("the log removed", &|data| {
            fs::remove_file(data.join("tandem.db-wal")).unwrap()
        }),
        ("the log replaced", &|data| {
            fs::remove_file(data.join("tandem.db-wal")).unwrap();
            fs::write(data.join("tandem.db-wal"), "x").unwrap();
        }),
        ("renamed", &|data| {
            fs::rename(data.join("tandem.db"), data.join("old.db")).unwrap()
        }),
        ("replaced", &replaced),
        ("the folder renamed", &|data| {
            fs::rename(data, data.with_extension("old")).unwrap()
        }),
    ];
    for (what, befall) in befallen {
        let dir = tempfile::tempdir().unwrap();
        let daemon = Daemon::start(&dir.path().join("data"), &dir.path().join("log"));
        assert_eq!(daemon.change("before").0, 200, "{what}");
        befall(&daemon.data);
        for _ in 0..3 {
            assert_eq!(
                daemon.change("after"),
                (503, "DATABASE_UNAVAILABLE".to_owned()),
                "{what}"
            );
        }
        daemon.until(what, NOTICED, || daemon.ready().0 == 503);
        assert!(daemon.ready().1.contains("removed or replaced"), "{what}");
        daemon.is_told_once("the database does not work", what);
        assert_eq!(daemon.lines("request failed"), 0, "{what}");
        let made_anew = daemon.data.join("tandem.db").exists();
        assert!(
            !made_anew || what.contains("log") || what == "replaced",
            "{what}"
        );
    }
}

#[test]
fn a_full_disk_is_told_as_such_and_its_end_needs_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let Some(disk) = Disk::mount(dir.path().join("disk")) else {
        return;
    };
    let daemon = Daemon::start(&disk.0.join("data"), &dir.path().join("log"));
    assert_eq!(daemon.change("before").0, 200);
    // Twelve MiB are always nearly full.
    daemon.until("the alarm", NOTICED, || daemon.lines("nearly full") == 1);
    let filler = disk.0.join("filler");
    let full = Command::new("dd")
        .args([
            "if=/dev/zero",
            "bs=4096",
            &format!("of={}", filler.display()),
        ])
        .stderr(Stdio::null())
        .status();
    assert!(!full.unwrap().success(), "it is full");
    let mut refused = 0;
    let end = Instant::now() + Duration::from_secs(30);
    // What is left in the log is used up first.
    while refused < 3 && Instant::now() < end {
        match daemon.change("meanwhile") {
            (200, _) => {}
            (503, reason) => {
                assert_eq!(reason, "DISK_FULL");
                refused += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 3);
    daemon.until("readiness", NOTICED, || daemon.ready().0 == 503);
    assert!(daemon.ready().1.contains("is full"), "{:?}", daemon.ready());
    fs::remove_file(filler).unwrap();
    daemon.until("recovery", NOTICED, || daemon.ready().0 == 200);
    assert_eq!(daemon.change("after").0, 200);
    daemon.is_told_once("the database does not work", "a full disk");
    daemon.is_told_once("the database works again", "a full disk");
}
