//! How each server is started.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::node::{Node, free_port};

/// What lets one Erlang program speak to another.
pub(super) const COOKIE: &str = "TANDEMFAULTS";

/// The broker's name among Erlang programs.
pub(super) fn erlang_name(node: &Node) -> String {
    format!("tandem{}@localhost", node.port)
}

pub(super) fn mariadb(node: &Node) -> Command {
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
    let mut command = node.program("mariadbd");
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

pub(super) fn redis(node: &Node) -> Command {
    let mut command = node.program("redis-server");
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .arg("--port")
        .arg(node.port.to_string())
        .arg("--dir")
        .arg(&node.dir);
    command
}

pub(super) fn rabbitmq(node: &Node) -> Command {
    let dir = &node.dir;
    let cookie = dir.join(".erlang.cookie");
    if !cookie.exists() {
        fs::write(&cookie, COOKIE).expect("a cookie");
        fs::set_permissions(&cookie, fs::Permissions::from_mode(0o400)).expect("a cookie");
        fs::write(dir.join("plugins"), "[].").expect("a file");
        fs::write(dir.join("rabbitmq.conf"), "").expect("a file");
    }
    let mut command = node.program(rabbitmq_server());
    command
        .env("RABBITMQ_NODENAME", erlang_name(node))
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
