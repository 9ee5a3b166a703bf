//! The one way a daemon starts, says how it is, and stops.

mod admin;
mod logging;
pub mod migrate;
mod ports;
mod process;
mod shared;
mod siblings;
mod storage;
mod supervise;
mod tasks;

use std::{
    future::Future, net::SocketAddr, pin::Pin, process::ExitCode, sync::Arc, time::Duration,
};

use clap::Command;
use tokio::net::TcpListener;
use tracing::info;

pub use ports::Sockets;
pub use process::{ProcessContext, StartError};
use shared::Shared;
pub use siblings::Siblings;
pub use storage::Storage;
pub use tasks::Tasks;

use crate::{
    clock::Clock,
    config::{AnySetting, COMMON, Config, Setting, settings},
    databasehandler::{Store, ahead::TimeColumn, migrate::Migrations},
    eventhandler::Events,
    health::State,
    httphandler::HttpClient,
    ids::Ids,
    listenhandler::{RouteInfo, Scopes, Wired},
    metrics::{ManagerMetrics, Metrics},
    models::text::escaped,
    requesthandler::RpcClient,
    sealer::Sealer,
    timerhandler::Timers,
    trace,
};

/// Longest name of a manager, in bytes: it is part of the names of queues.
const NAME_MAX: usize = 64;
/// What the process wants of its environment, unless somebody set it otherwise.
const ENVIRONMENT: [(&str, &str); 2] = [
    // The AMQP client parses nested tables by recursion; this survives the deepest that a frame can hold.
    ("RUST_MIN_STACK", "268435456"),
    // SQLite takes its memory from the C library, where a heap for each thread costs more than it saves.
    ("MALLOC_ARENA_MAX", "2"),
];

/// Stack of each thread that works: headers nested as deep as a frame can hold are given up by recursion, which
/// takes up to 4 MiB. Only what is used takes memory.
const STACK_BYTES: usize = 32 * 1024 * 1024;

/// A daemon as data: what it is called, what it serves, how it is wired.
#[derive(Clone, Copy)]
pub struct Manager {
    /// E.g. `outdial-manager`.
    pub name: &'static str,
    /// The setting that gives it another name, where another service may have its own; empty = none is given.
    pub renamed_by: Option<&'static Setting<String>>,
    /// `env!("CARGO_CRATE_NAME")`: whose lines in the log follow LOG_LEVEL.
    pub crate_name: &'static str,
    /// Its schema, and what its tables start with.
    pub migrations: Migrations,
    /// Settings beyond the common ones.
    pub settings: &'static [AnySetting],
    /// Where its tables hold times that do harm when a clock was wrong.
    pub times: &'static [TimeColumn],
    /// Its route table.
    pub routes: fn() -> Vec<RouteInfo>,
    /// Builds what its handlers need and starts its jobs, once its database answers. The daemon serves the result.
    pub start: fn(&ManagerContext) -> Result<Wired, StartError>,
}

impl Manager {
    /// What its tables start with, e.g. `outdial`.
    pub const fn prefix(&self) -> &'static str {
        self.migrations.prefix()
    }

    /// Under the name that the settings give it: that of its queue, its exchange and its events.
    ///
    /// # Errors
    /// Names the setting when its value is no name.
    pub fn named(self, config: &Config) -> Result<Self, StartError> {
        let Some(setting) = self.renamed_by else {
            return Ok(self);
        };
        let name = config.get(setting);
        if name.is_empty() {
            return Ok(self);
        }
        let is_plain =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.len() > NAME_MAX || !name.bytes().all(is_plain) {
            let text = format!(
                "{}: a name has up to {NAME_MAX} of a-z, 0-9 and -",
                setting.name()
            );
            return Err(StartError::Other(text));
        }
        // For the life of the process, once for each start.
        Ok(Self {
            name: name.leak(),
            ..self
        })
    }
}

/// What a manager is given at start. Clones share it.
#[derive(Clone)]
pub struct ManagerContext {
    /// Its name on the wire.
    pub name: &'static str,
    /// All settings.
    pub config: Config,
    /// Its tables.
    pub store: Store,
    /// The time of day.
    pub clock: Clock,
    /// Identifiers of what is new.
    pub ids: Ids,
    /// Work that is to be done at a time. Handlers are named before `start` returns.
    pub timers: Timers,
    /// What happens elsewhere. Handlers are named before `start` returns.
    pub events: Events,
    /// Sibling services.
    pub rpc: RpcClient,
    /// Its own figures, and those under voipbin's names.
    pub metrics: ManagerMetrics,
    /// Figures that all managers have.
    pub process_metrics: Metrics,
    /// What access keys may be allowed to do.
    pub scopes: Scopes,
    /// Jobs beside the requests.
    pub tasks: Tasks,
    shared: Shared,
}

impl ManagerContext {
    /// The client for requests to third parties.
    ///
    /// # Errors
    /// When TLS cannot be set up on this system.
    pub fn http(&self) -> Result<HttpClient, StartError> {
        self.shared.http(&self.config, &self.process_metrics)
    }

    /// The sockets of a listen address among its own settings, over UDP and TCP; none where the setting is empty. They were
    /// bound before the process announced anything.
    ///
    /// # Errors
    /// Names the setting and the address when the port is taken.
    pub fn sockets(
        &self,
        setting: &Setting<Option<SocketAddr>>,
    ) -> Result<Option<Sockets>, StartError> {
        self.shared.ports.take(&self.config, setting)
    }

    /// What encrypts secrets at rest. Without a key it refuses to, when it is asked.
    ///
    /// # Errors
    /// When the file of the key cannot be read or written.
    pub fn sealer(&self) -> Result<Arc<Sealer>, StartError> {
        self.shared.sealer(&self.config)
    }
}

/// What access keys may be allowed to do in an installation of these managers. Over RabbitMQ there may be others.
pub fn scopes(config: &Config, managers: &[Manager]) -> Scopes {
    let tables: Vec<_> = managers
        .iter()
        .map(|manager| (manager.name, (manager.routes)()))
        .collect();
    Scopes::new(&tables, config.get(&settings::RABBITMQ_ADDRESS).is_empty())
}

/// A job that runs beside the managers in the same process, such as the bridge.
pub type Sidecar = Box<
    dyn FnOnce(ProcessContext) -> Pin<Box<dyn Future<Output = Result<(), StartError>> + Send>>
        + Send,
>;

/// The `main` of a daemon with one manager: flags, `migrate`, serve.
pub fn main(manager: Manager) -> ExitCode {
    let table: Vec<AnySetting> = COMMON.iter().chain(manager.settings).copied().collect();
    let command = Command::new(manager.name)
        .about(format!(
            "{} of Tandem. Serves {}.",
            manager.name,
            crate::sockhandler::request_queue(manager.name)
        ))
        .version(env!("CARGO_PKG_VERSION"))
        .args_conflicts_with_subcommands(false)
        .subcommand(migrate::command());
    let matches = Config::flags(command, &table).get_matches();
    let config = match Config::load(&table, &matches) {
        Ok(config) => config,
        Err(fault) => return fail(&fault),
    };
    if let Some(matches) = matches.subcommand_matches("migrate") {
        return block_on(migrate::run_command(&config, &[manager], matches));
    }
    serve(config, vec![manager], None)
}

/// Runs managers, and perhaps a companion, until SIGTERM or SIGINT.
pub fn serve(config: Config, managers: Vec<Manager>, sidecar: Option<Sidecar>) -> ExitCode {
    with_environment();
    block_on(async {
        match run(config, managers, sidecar, shutdown_signal()).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(fault) => fail(&fault),
        }
    })
}

/// As [`serve`], until `shutdown` ends.
///
/// # Errors
/// When the daemon cannot start, when a part of it died, or when the drain took too long.
pub async fn run(
    config: Config,
    managers: Vec<Manager>,
    sidecar: Option<Sidecar>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StartError> {
    run_with(
        ProcessContext::open(config, Clock::default())?,
        managers,
        sidecar,
        shutdown,
    )
    .await
}

/// As [`run`], on parts that the caller opened: for programs that embed daemons, and for tests.
///
/// # Errors
/// As [`run`].
pub async fn run_with(
    parts: ProcessContext,
    managers: Vec<Manager>,
    sidecar: Option<Sidecar>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StartError> {
    logging::init(&parts.config, &managers);
    // Fails only when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (serving, relaying) = (Tasks::new(), Tasks::new());
    let _owners = [serving.owner(), relaying.owner()];
    trace::otlp::start(&parts, &relaying)?;
    let managers = managers
        .into_iter()
        .map(|manager| manager.named(&parts.config))
        .collect::<Result<Vec<_>, _>>()?;
    let data = if managers.is_empty() {
        None
    } else {
        Some(Storage::open(&parts.config)?)
    };
    let admin = listen(&parts, &settings::PROMETHEUS_LISTEN_ADDRESS).await?;
    for manager in &managers {
        parts.shared.ports.open(&parts.config, manager)?;
    }
    admin::announce(&parts, data.is_some(), &admin);
    relaying.spawn("admin", |stop| admin::serve(parts.clone(), admin, stop));
    if let Some(data) = &data {
        supervise::watch_dependencies(&parts, data, &managers, &serving);
        let common = supervise::Common {
            barrier: supervise::StartBarrier::new(managers.len()),
            scopes: scopes(&parts.config, &managers),
            siblings: Siblings::of(&managers),
        };
        for manager in managers {
            supervise::start(&parts, data, manager, &common, &serving, &relaying);
        }
    }
    if let Some(sidecar) = sidecar {
        sidecar(parts.clone()).await?;
    }
    parts.health.set("process", State::Up);
    let died = tokio::select! {
        () = shutdown => false,
        () = parts.tasks.died.cancelled() => true,
        () = serving.died.cancelled() => true,
        () = relaying.died.cancelled() => true,
    };
    info!("stopping: finishing what was accepted");
    parts
        .health
        .set("process", State::Down("stopping".to_owned()));
    // First who lets requests in, then what makes changes, then what carries their events.
    let in_time = tasks::drain([&parts.tasks, &serving, &relaying]).await;
    match (died, in_time) {
        (true, _) => Err(serving.take_fault().unwrap_or(StartError::Died)),
        (false, false) => Err(StartError::DrainTooLong),
        (false, true) => Ok(()),
    }
}

/// Listens where a setting says.
///
/// # Errors
/// Names the setting and the address when the port is taken.
pub async fn listen(
    parts: &ProcessContext,
    setting: &Setting<Option<SocketAddr>>,
) -> Result<TcpListener, StartError> {
    let address = parts
        .config
        .get(setting)
        .ok_or(StartError::NoAddress(setting.name()))?;
    TcpListener::bind(address)
        .await
        .map_err(|fault| StartError::Listen {
            setting: setting.name(),
            address,
            fault,
        })
}

async fn shutdown_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Some things a process takes from its environment before its first line runs, so it starts itself once
/// more with them set.
fn with_environment() {
    use std::os::unix::process::CommandExt;
    let missing: Vec<_> = ENVIRONMENT
        .iter()
        .filter(|(name, _)| std::env::var_os(name).is_none())
        .copied()
        .collect();
    if missing.is_empty() {
        return;
    }
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    // Returns only when it failed; then we go on without.
    let _ = std::process::Command::new(program)
        .args(std::env::args_os().skip(1))
        .envs(missing)
        .exec();
}

/// Runs async work on a runtime of its own.
pub fn block_on(work: impl Future<Output = ExitCode>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build();
    match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(work);
            runtime.shutdown_timeout(Duration::from_secs(1));
            code
        }
        Err(fault) => fail(&fault),
    }
}

/// Says what went wrong and how to go on.
pub fn fail(fault: &dyn std::fmt::Display) -> ExitCode {
    // Part of it may be what somebody sent.
    eprintln!("error: {}", escaped(&fault.to_string()));
    ExitCode::FAILURE
}

pub(crate) type SharedTransport = Arc<dyn crate::sockhandler::Transport>;
