//! Managers and the bridge in one process, as `tandem serve` runs them, each under a name of its own.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
};

use tokio::{sync::oneshot, task::JoinHandle};

use super::{
    client::Client,
    folder::Folder,
    installation::{Kind, broker, config, drop_database, place, remove_from_broker, renamed},
    wait::{spawn, until},
};
use crate::{
    clock::Clock,
    daemon::{Manager, ProcessContext, Sidecar, StartError, run_with},
    databasehandler::Db,
    listenhandler::RouteInfo,
    sockhandler::Transport,
};

/// The key that opens everything at the bridge.
pub const BRIDGE_KEY: &str = "the-operators-key-of-this-test";

/// What makes the bridge out of the managers' names and route tables.
pub type MakeBridge = fn(Vec<(&'static str, Vec<RouteInfo>)>) -> Sidecar;

/// Managers and the bridge that run.
pub struct Whole {
    /// The managers under their names here, in the order in which they were given.
    pub managers: Vec<Manager>,
    /// Where the bridge listens.
    pub bridge: SocketAddr,
    /// What they share.
    pub parts: ProcessContext,
    kind: Kind,
    settings: Vec<(&'static str, String)>,
    transport: Arc<dyn Transport>,
    running: Vec<Running>,
    _dir: Folder,
}

/// A process of it.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), StartError>>,
}

impl Running {
    fn start(parts: ProcessContext, managers: Vec<Manager>, sidecar: Option<Sidecar>) -> Self {
        let (stop, stopped) = oneshot::channel();
        let shutdown = async {
            let _ = stopped.await;
        };
        let task = spawn(run_with(parts, managers, sidecar, shutdown));
        Self { stop, task }
    }
}

impl Whole {
    /// Starts them on a fresh database and waits until all of them serve.
    pub async fn start(
        kind: Kind,
        managers: &[Manager],
        make_bridge: MakeBridge,
        settings: &[(&'static str, &str)],
    ) -> Self {
        let dir = Folder::new();
        let bridge = free_address();
        let mut settings = place(kind, &dir, settings).await;
        settings.push(("HTTP_LISTEN_ADDRESS", bridge.to_string()));
        settings.push(("BRIDGE_ACCESS_KEY", BRIDGE_KEY.to_owned()));
        let managers: Vec<Manager> = managers.iter().copied().map(renamed).collect();
        let config = config(&managers, &settings);
        let parts = ProcessContext::open(config, Clock::default()).expect("parts open");
        let tables = managers
            .iter()
            .map(|manager| (manager.name, (manager.routes)()));
        let sidecar = make_bridge(tables.collect());
        let running = Running::start(parts.clone(), managers.clone(), Some(sidecar));
        let whole = Self {
            managers,
            bridge,
            kind,
            settings,
            transport: match kind {
                Kind::Embedded => Arc::clone(&parts.transport),
                Kind::Full => broker(),
            },
            parts,
            running: vec![running],
            _dir: dir,
        };
        until("everything is ready", async || {
            whole.parts.health.is_ready().then_some(())
        })
        .await;
        whole
    }

    /// A trusted caller of a manager, over the queue.
    pub fn client(&self, manager: &Manager) -> Client {
        Client {
            transport: Arc::clone(&self.transport),
            name: manager.name,
            customer_id: None,
        }
    }

    /// The database, for what only a test may look at.
    pub fn db(&self) -> Db {
        let dsn = self.parts.config.database().expect("a database");
        Db::new(&dsn, 4).expect("a pool")
    }

    /// A second process of all managers, without a bridge, on the same services and with the same clock; only where there
    /// can be two.
    pub async fn join(&mut self) {
        let config = config(&self.managers, &self.settings);
        let parts = ProcessContext::open(config, self.parts.clock.clone()).expect("parts open");
        let running = Running::start(parts.clone(), self.managers.clone(), None);
        self.running.push(running);
        until("the second process is ready", async || {
            parts.health.is_ready().then_some(())
        })
        .await;
    }

    /// A second bridge in a process of its own, on the same services; only where there can be one. Where it listens.
    pub async fn join_bridge(&mut self, make_bridge: MakeBridge) -> SocketAddr {
        let at = free_address();
        let mut settings = self.settings.clone();
        settings.retain(|(name, _)| *name != "HTTP_LISTEN_ADDRESS");
        settings.push(("HTTP_LISTEN_ADDRESS", at.to_string()));
        let config = config(&self.managers, &settings);
        let parts = ProcessContext::open(config, self.parts.clock.clone()).expect("parts open");
        let tables = self.managers.iter();
        let tables = tables.map(|manager| (manager.name, (manager.routes)()));
        let sidecar = make_bridge(tables.collect());
        let running = Running::start(parts.clone(), Vec::new(), Some(sidecar));
        self.running.push(running);
        until("the second bridge is ready", async || {
            TcpStream::connect(at).is_ok().then_some(())
        })
        .await;
        at
    }

    /// Stops everything as by SIGTERM, and removes what it left.
    pub async fn end(self) {
        for process in self.running {
            let _ = process.stop.send(());
            let ended = process.task.await.expect("no daemon panicked");
            ended.expect("a clean end");
        }
        if self.kind == Kind::Full {
            for manager in &self.managers {
                remove_from_broker(manager.name).await;
            }
        }
        drop_database(&self.settings).await;
    }
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}
