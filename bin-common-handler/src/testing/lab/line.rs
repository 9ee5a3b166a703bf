//! A line to a node that goes wrong as networks do: what is sent over it vanishes or dawdles, and neither end
//! is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
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
    state: Arc<State>,
}

/// Which way bytes go over a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the daemon to the node.
    Up,
    /// From the node to the daemon.
    Down,
}

#[derive(Default)]
struct State {
    /// How often connections went dead, upwards and downwards.
    deaths: [AtomicU64; 2],
    /// New connections are accepted and never answered.
    is_mute: AtomicBool,
    /// How long everything takes, in milliseconds.
    delay_ms: AtomicU64,
}

impl Line {
    /// Opens a way to a node.
    pub async fn to(node: &Node) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::<State>::default();
        spawn(accept(listener, node.port, Arc::clone(&state)));
        Self { port, state }
    }

    /// Every connection there is goes dead; new ones live.
    pub fn die(&self) {
        self.swallow(Way::Up);
        self.swallow(Way::Down);
    }

    /// What goes one way over the connections there are vanishes from now on.
    pub fn swallow(&self, way: Way) {
        self.state.deaths(way).fetch_add(1, Ordering::Relaxed);
    }

    /// Whether new connections are accepted and never answered.
    pub fn mute(&self, on: bool) {
        self.state.is_mute.store(on, Ordering::Relaxed);
    }

    /// Everything takes so much longer, each way.
    pub fn delay(&self, delay: Duration) {
        let delay_ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.state.delay_ms.store(delay_ms, Ordering::Relaxed);
    }
}

impl State {
    fn deaths(&self, way: Way) -> &AtomicU64 {
        let [up, down] = &self.deaths;
        match way {
            Way::Up => up,
            Way::Down => down,
        }
    }

    async fn dawdle(&self) {
        let delay_ms = self.delay_ms.load(Ordering::Relaxed);
        if delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        }
    }
}

async fn accept(listener: TcpListener, to: u16, state: Arc<State>) {
    while let Ok((near, _)) = listener.accept().await {
        // Without the node there is nobody to be connected with.
        let Ok(far) = TcpStream::connect(("127.0.0.1", to)).await else {
            continue;
        };
        let (near_reads, near_writes) = near.into_split();
        let (far_reads, far_writes) = far.into_split();
        spawn(carry(Way::Up, near_reads, far_writes, Arc::clone(&state)));
        spawn(carry(Way::Down, far_reads, near_writes, Arc::clone(&state)));
    }
}

async fn carry(way: Way, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: Arc<State>) {
    let born = state.deaths(way).load(Ordering::Relaxed);
    let is_mute = state.is_mute.load(Ordering::Relaxed);
    let mut bytes = vec![0; CARRIED_MAX];
    loop {
        let read = from.read(&mut bytes).await.unwrap_or(0);
        state.dawdle().await;
        if is_mute || state.deaths(way).load(Ordering::Relaxed) > born {
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
