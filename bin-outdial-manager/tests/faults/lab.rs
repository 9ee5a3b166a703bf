//! A broker, a database and a Redis of the tests' own: on free ports, in a temporary folder.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use tokio::sync::{Mutex, MutexGuard};

use crate::{
    process::{Process, folder},
    scene::until,
};

const COOKIE: &str = "TANDEMFAULTS";

/// One private server: how it is started, and its process while it runs.
pub struct Node {
    /// Where it listens.
    pub port: u16,
    dir: PathBuf,
    command: fn(&Node) -> Command,
    process: Option<Process>,
}

/// The private nodes. One test at a time has them.
pub struct Lab {
    pub broker: Node,
    pub database: Node,
    pub redis: Node,
}

impl Lab {
    /// All nodes, running; whatever an earlier test did to them is undone.
    pub async fn enter() -> MutexGuard<'static, Self> {
        static LAB: OnceLock<Mutex<Lab>> = OnceLock::new();
        let mut lab = LAB.get_or_init(|| Mutex::new(Self::new())).lock().await;
        lab.broker.start();
        lab.database.start();
        lab.redis.start();
        lab.broker.up().await;
        lab.database.up().await;
        lab.redis.up().await;
        lab.alarm(false);
        lab
    }

    fn new() -> Self {
        Self {
            broker: Node::new("broker", rabbitmq),
            database: Node::new("database", mariadb),
            redis: Node::new("redis", redis),
        }
    }

    /// Runs an Erlang expression inside the broker: what `rabbitmqctl` does, without its two seconds.
    fn erlang(&self, expression: &str) {
        use std::io::Write;
        let mut call = Command::new("erl_call")
            .args(["-sname", &self.broker.erlang_name(), "-c", COOKIE, "-e"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("erl_call comes with Erlang");
        let mut stdin = call.stdin.take().expect("a pipe");
        stdin
            .write_all(format!("{expression}.\n").as_bytes())
            .expect("a pipe");
        drop(stdin);
        let out = call.wait_with_output().expect("erl_call ends");
        let answer = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(answer.contains("{ok, "), "{expression}: {answer}");
    }

    /// `rabbitmqctl stop_app`.
    pub fn stop_broker_app(&self) {
        self.erlang("rabbit:stop()");
    }

    /// `rabbitmqctl start_app`.
    pub fn start_broker_app(&self) {
        self.erlang("rabbit:start()");
    }

    /// `rabbitmqctl close_all_connections`.
    pub fn cut_connections(&self) {
        self.erlang("[rabbit_networking:close_connection(P, \"cut\") || P <- rabbit_networking:connections()]");
    }

    /// `rabbitmqctl set_vm_memory_high_watermark absolute 1MiB`, and back.
    pub fn alarm(&self, on: bool) {
        let mark = if on { "{absolute, 1048576}" } else { "0.4" };
        self.erlang(&format!(
            "vm_memory_monitor:set_vm_memory_high_watermark({mark})"
        ));
    }
}

impl Node {
    fn new(name: &str, command: fn(&Self) -> Command) -> Self {
        Self {
            port: free_port(),
            dir: folder(name),
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

    /// Stops its process without ending it, or lets it go on.
    pub fn freeze(&self, on: bool) {
        if let Some(process) = &self.process {
            process.signal(if on { "STOP" } else { "CONT" });
        }
    }

    fn erlang_name(&self) -> String {
        format!("tandem{}@localhost", self.port)
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

fn mariadb(node: &Node) -> Command {
    let data = node.dir.join("data");
    if !data.exists() {
        fs::create_dir_all(&data).expect("a folder");
        // A server killed in its very first seconds leaves files that no server reads: it makes them, and ends.
        let made = mariadb(node)
            .arg("--bootstrap")
            .stdin(Stdio::null())
            .output();
        assert!(made.is_ok_and(|made| made.status.success()), "mariadbd");
    }
    let mut command = Command::new("mariadbd");
    command
        .args(["--no-defaults", "--bind-address=127.0.0.1"])
        .args(["--skip-grant-tables", "--skip-networking=0"])
        .args([
            "--innodb-flush-log-at-trx-commit=1",
            "--max-connections=300",
        ])
        .args([
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=16M",
        ])
        .arg(format!("--datadir={}", data.display()))
        .arg(format!("--socket={}", node.dir.join("s").display()))
        .arg(format!("--pid-file={}", node.dir.join("pid").display()))
        .arg(format!("--port={}", node.port));
    if is_root() {
        command.arg("--user=root");
    }
    command
}

fn redis(node: &Node) -> Command {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--port")
        .arg(node.port.to_string())
        .arg("--dir")
        .arg(&node.dir);
    command
}

fn rabbitmq(node: &Node) -> Command {
    let dir = &node.dir;
    let cookie = dir.join(".erlang.cookie");
    if !cookie.exists() {
        fs::write(&cookie, COOKIE).expect("a cookie");
        fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400)).expect("a cookie");
        fs::write(dir.join("plugins"), "[].").expect("a file");
        fs::write(dir.join("rabbitmq.conf"), "").expect("a file");
    }
    let mut command = Command::new(rabbitmq_server());
    command
        .env("HOME", dir)
        .env("RABBITMQ_NODENAME", node.erlang_name())
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", node.port.to_string())
        .env("RABBITMQ_DIST_PORT", free_port().to_string())
        .env("RABBITMQ_MNESIA_BASE", dir.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", dir.join("log"))
        .env("RABBITMQ_GENERATED_CONFIG_DIR", dir.join("generated"))
        .env("RABBITMQ_CONFIG_FILE", dir.join("rabbitmq"))
        .env("RABBITMQ_ADVANCED_CONFIG_FILE", dir.join("none"))
        .env("RABBITMQ_CONF_ENV_FILE", dir.join("none"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", dir.join("plugins"))
        .env("RABBITMQ_PID_FILE", dir.join("pid"));
    command
}

/// The server itself: a distribution's wrapper would change the user, and with it the folders.
fn rabbitmq_server() -> PathBuf {
    let found = fs::read_dir("/usr/lib/rabbitmq/lib")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("sbin/rabbitmq-server"))
        .find(|path| path.exists());
    found.unwrap_or_else(|| Path::new("rabbitmq-server").to_owned())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0)
}
