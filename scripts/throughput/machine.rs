//! Where it was measured: processor, memory, versions.

use std::process::Command;

use bin_common_handler::{databasehandler::Db, testing::redis_address};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::Result;

/// Where a figure comes from, line by line.
pub(crate) async fn describe(db: &Db, rabbitmq: &str) -> Vec<(&'static str, String)> {
    let or_unknown = |text: Result<String>| text.unwrap_or_else(|_| "unknown".to_owned());
    vec![
        ("machine", or_unknown(machine())),
        ("load before", load()),
        ("source", or_unknown(source())),
        ("RabbitMQ", or_unknown(rabbitmq_version(rabbitmq).await)),
        ("database", or_unknown(database_version(db).await)),
        ("Redis", or_unknown(redis_version().await)),
    ]
}

/// The load averages of the last 1, 5 and 15 minutes: others who used the machine.
pub(crate) fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace()
        .take(3)
        .collect::<Vec<_>>()
        .join(" ")
}

fn machine() -> Result<String> {
    let cpus = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = field(&cpus, "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let memory = field(&std::fs::read_to_string("/proc/meminfo")?, "MemTotal");
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    Ok(format!(
        "{model}, {} CPUs, {} memory, Linux {}",
        std::thread::available_parallelism()?,
        memory.unwrap_or_default(),
        kernel.trim()
    ))
}

fn field(text: &str, name: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let (_, value) = line.split_once(':')?;
    Some(value.trim().to_owned())
}

fn source() -> Result<String> {
    let commit = said(Command::new("git").args(["describe", "--always", "--dirty"]))?;
    let compiler = said(Command::new("rustc").arg("--version"))?;
    Ok(format!("{commit}, {compiler}"))
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output()?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[derive(bin_common_handler::FromRow)]
struct Server {
    version: String,
    flush: String,
    buffer: String,
}

async fn database_version(db: &Db) -> Result<String> {
    let sql = "SELECT VERSION() AS version, CAST(@@innodb_flush_log_at_trx_commit AS CHAR) AS flush, \
               CAST(@@innodb_buffer_pool_size DIV 1048576 AS CHAR) AS buffer";
    let server: Server = db.fetch_optional(sql, vec![]).await?.ok_or("no version")?;
    Ok(format!(
        "{}, innodb_flush_log_at_trx_commit = {}, innodb_buffer_pool_size = {} MiB",
        server.version, server.flush, server.buffer
    ))
}

async fn redis_version() -> Result<String> {
    let mut stream = TcpStream::connect(redis_address()).await?;
    stream.write_all(b"INFO server\r\n").await?;
    let mut text = vec![0; 4096];
    let size = stream.read(&mut text).await?;
    text.truncate(size);
    field(&String::from_utf8_lossy(&text), "redis_version").ok_or_else(|| "no version".into())
}

/// The broker introduces itself before the login: a length-prefixed table with `version` in it.
async fn rabbitmq_version(address: &str) -> Result<String> {
    const NAME: &[u8] = b"\x07versionS";
    let uri: lapin::uri::AMQPUri = address.parse()?;
    let host = (uri.authority.host.as_str(), uri.authority.port);
    let mut stream = TcpStream::connect(host).await?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    let mut text = vec![0; 4096];
    let size = stream.read(&mut text).await?;
    text.truncate(size);
    let position = text.windows(NAME.len()).position(|part| part == NAME);
    let rest = position.and_then(|position| text.get(position + NAME.len()..));
    let (length, rest) = rest
        .and_then(<[u8]>::split_first_chunk::<4>)
        .ok_or("no version")?;
    let length = usize::try_from(u32::from_be_bytes(*length))?;
    Ok(String::from_utf8_lossy(rest.get(..length).unwrap_or(rest)).into_owned())
}
