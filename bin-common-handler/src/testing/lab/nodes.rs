//! The private nodes.

use tokio::{io::AsyncWriteExt, net::TcpStream};

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
    /// New nodes, running.
    pub async fn open() -> Self {
        let mut lab = Self {
            broker: Node::new("broker", rabbitmq),
            database: Node::new("database", mariadb),
            redis: Node::new("redis", redis),
        };
        lab.run().await;
        lab
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
}
