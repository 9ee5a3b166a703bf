//! A line to a node that may go dead: what is sent over it vanishes, and neither end is told.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use super::node::Node;
use crate::testing::spawn;

/// What is carried at a time, in bytes.
const CARRIED_MAX: usize = 16 * 1024;

/// A way to a node; it ends with the test's runtime.
pub struct Line {
    /// Where it begins, on 127.0.0.1.
    pub port: u16,
    deaths: Arc<AtomicU64>,
}

impl Line {
    /// Opens a way to a node.
    pub async fn to(node: &Node) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let deaths = Arc::<AtomicU64>::default();
        spawn(accept(listener, node.port, Arc::clone(&deaths)));
        Self { port, deaths }
    }

    /// Every connection there is goes dead; new ones live.
    pub fn die(&self) {
        self.deaths.fetch_add(1, Ordering::Relaxed);
    }
}

async fn accept(listener: TcpListener, to: u16, deaths: Arc<AtomicU64>) {
    while let Ok((near, _)) = listener.accept().await {
        // Without the node there is nobody to be connected with.
        let Ok(far) = TcpStream::connect(("127.0.0.1", to)).await else {
            continue;
        };
        let (near_reads, near_writes) = near.into_split();
        let (far_reads, far_writes) = far.into_split();
        let born = deaths.load(Ordering::Relaxed);
        spawn(carry(near_reads, far_writes, born, Arc::clone(&deaths)));
        spawn(carry(far_reads, near_writes, born, Arc::clone(&deaths)));
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, born: u64, deaths: Arc<AtomicU64>) {
    let mut bytes = vec![0; CARRIED_MAX];
    loop {
        let read = from.read(&mut bytes).await.unwrap_or(0);
        if deaths.load(Ordering::Relaxed) > born {
            // Not even the end of the connection is told.
            if read == 0 {
                std::future::pending::<()>().await;
            }
            continue;
        }
        if read == 0 || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}
