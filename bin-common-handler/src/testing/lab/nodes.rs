//! The private nodes, and what only a broker can be told.

use std::{process::Stdio, sync::OnceLock};

use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{Mutex, MutexGuard},
};

use super::{
    node::Node,
    servers::{COOKIE, erlang_name, mariadb, rabbitmq, redis},
};

/// The private nodes. One test at a time has them.
pub struct Lab {
    /// RabbitMQ.
    pub broker: Node,
    /// MariaDB.
    pub database: Node,
    /// Redis.
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
        lab.database.freeze(false);
        lab.redis.freeze(false);
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

    /// Makes Redis forget everything.
    pub async fn forget(&self) {
        let mut redis = TcpStream::connect(("127.0.0.1", self.redis.port))
            .await
            .expect("Redis answers");
        redis.write_all(b"FLUSHALL\r\n").await.expect("a socket");
        redis.readable().await.expect("an answer");
    }

    /// Lets nobody into Redis without this password.
    pub async fn set_redis_password(&self, password: &str) {
        let mut redis = TcpStream::connect(("127.0.0.1", self.redis.port))
            .await
            .expect("Redis answers");
        let command = format!("CONFIG SET requirepass {password}\r\n");
        redis.write_all(command.as_bytes()).await.expect("a socket");
        redis.readable().await.expect("an answer");
    }

    /// `rabbitmqctl add_user`, with every permission.
    pub fn add_broker_user(&self, name: &str, password: &str) {
        self.erlang(&format!(
            "rabbit_auth_backend_internal:add_user(<<\"{name}\">>, <<\"{password}\">>, <<\"test\">>)"
        ));
        self.erlang(&format!(
            "rabbit_auth_backend_internal:set_permissions(<<\"{name}\">>, <<\"/\">>, <<\".*\">>, <<\".*\">>, \
             <<\".*\">>, <<\"test\">>)"
        ));
    }

    /// Runs an Erlang expression inside the broker: what `rabbitmqctl` does, without its two seconds.
    fn erlang(&self, expression: &str) {
        use std::io::Write;
        let mut call = self
            .broker
            .program("erl_call")
            .args(["-sname", &erlang_name(&self.broker), "-c", COOKIE, "-e"])
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
