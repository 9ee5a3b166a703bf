//! The private nodes.

use std::sync::OnceLock;

use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::{Mutex, MutexGuard},
};

use super::{
    node::Node,
    servers::{mariadb, rabbitmq, redis},
};

/// The private nodes; killed with this value.
pub struct Lab {
    /// RabbitMQ.
    pub broker: Node,
    /// MariaDB.
    pub database: Node,
    /// Redis.
    pub redis: Node,
}

impl Lab {
    /// All nodes, running; whatever an earlier test did to them is undone. One test at a time has them.
    pub async fn enter() -> MutexGuard<'static, Self> {
        static LAB: OnceLock<Mutex<Lab>> = OnceLock::new();
        let mut lab = LAB.get_or_init(|| Mutex::new(Self::new())).lock().await;
        lab.run().await;
        lab
    }

    /// New nodes, running.
    pub async fn open() -> Self {
        let mut lab = Self::new();
        lab.run().await;
        lab
    }

    fn new() -> Self {
        Self {
            broker: Node::new("broker", rabbitmq),
            database: Node::new("database", mariadb),
            redis: Node::new("redis", redis),
        }
    }

    /// Starts what does not run, and undoes what was done to the rest.
    pub async fn run(&mut self) {
        for node in [&mut self.broker, &mut self.database, &mut self.redis] {
            node.start();
            node.freeze(false);
        }
        for node in [&self.broker, &self.database, &self.redis] {
            node.up().await;
        }
        self.alarm(false);
        self.admit_daemons();
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
}
