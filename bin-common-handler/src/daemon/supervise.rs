//! One manager's life: wait for its database, bring the schema up to date, publish, serve.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use uuid::Uuid;

use super::{Manager, ManagerContext, ProcessContext, Siblings, StartError, Storage, Tasks};
use crate::{
    backoff::Backoff,
    cachehandler::Cache,
    config::{Setting, settings},
    databasehandler::{
        Db, Dialect, Store,
        ahead::{self, Ahead},
    },
    deadletter::DeadLetters,
    eventhandler::Events,
    files,
    health::State,
    ids::{self, Ids},
    listenhandler::{Intake, Router, RouterContext, Scopes, Wired},
    metrics::ManagerMetrics,
    models::error::Result,
    notifyhandler::{Relay, RelayMetrics},
    requesthandler::{Requester, RpcClient},
    timerhandler::Timers,
    vitals,
};

/// How often the database is asked whether it is there.
const HEALTH_PERIOD: Duration = Duration::from_secs(2);
/// A database that nobody has written to for so long is tried.
const TRY_AFTER: Duration = Duration::from_secs(4);
/// How often times that are ahead are looked for.
const TIMES_PERIOD: Duration = Duration::from_secs(10);
const MIB: u64 = 1024 * 1024;
const SWEEP_PERIOD: Duration = Duration::from_secs(60);

/// How many managers of the process have yet to say which events they want. Until all have, none publishes: inside one
/// process an event that finds nobody is gone.
#[derive(Clone)]
pub(super) struct StartBarrier(Arc<watch::Sender<usize>>);

impl StartBarrier {
    pub(super) fn new(managers: usize) -> Self {
        Self(Arc::new(watch::Sender::new(managers)))
    }

    fn one(&self) {
        self.0.send_modify(|left| *left = left.saturating_sub(1));
    }

    async fn all(&self) {
        // It cannot close: `self` holds the sender.
        let _ = self.0.subscribe().wait_for(|left| *left == 0).await;
    }
}

/// What the managers of a process share beside parts and storage.
#[derive(Clone)]
pub(super) struct Common {
    pub barrier: StartBarrier,
    pub scopes: Scopes,
    pub siblings: Siblings,
}

pub(super) fn start(
    parts: &ProcessContext,
    data: &Storage,
    manager: Manager,
    common: &Common,
    serving: &Tasks,
    relaying: &Tasks,
) {
    parts
        .health
        .set(manager.name, State::Down("starting".to_owned()));
    let (parts, data) = (parts.clone(), data.clone());
    let (jobs, relaying, common) = (serving.clone(), relaying.clone(), common.clone());
    let failing = serving.clone();
    serving.spawn(manager.name, |stop| async move {
        let Some(database_id) = wait_for_database(&parts, &data, manager, &stop).await else {
            return;
        };
        let wiring = Wiring {
            parts: &parts,
            store: &store(&parts, &data, manager),
            manager,
            common: &common,
        };
        let router = match wiring.wire(database_id, jobs, relaying) {
            Ok(router) => router,
            Err(fault) => {
                warn!(manager = manager.name, %fault, "cannot start");
                failing.fail(fault);
                stop.cancelled().await;
                return;
            }
        };
        parts
            .transport
            .serve(manager.name, Arc::new(router), parts.health.clone(), stop)
            .await;
    });
}

fn store(parts: &ProcessContext, data: &Storage, manager: Manager) -> Store {
    Store::new(
        data.db.clone(),
        parts.clock.clone(),
        data.cache.clone(),
        Arc::default(),
        manager.prefix(),
        manager.name,
    )
}

/// Puts one manager together.
struct Wiring<'w> {
    parts: &'w ProcessContext,
    store: &'w Store,
    manager: Manager,
    common: &'w Common,
}

impl Wiring<'_> {
    fn wire(
        &self,
        database_id: String,
        jobs: Tasks,
        relaying: Tasks,
    ) -> std::result::Result<Router, StartError> {
        let (parts, manager) = (self.parts, self.manager);
        parts.metrics.start_manager(manager.name);
        let metrics = parts
            .metrics
            .for_manager(manager.name)
            .map_err(|fault| StartError::Other(fault.to_string()))?;
        self.sweep(&jobs);
        let context = self.context(&metrics, &jobs);
        vitals::start(&context, &jobs);
        let (timers, events) = (context.timers.clone(), context.events.clone());
        let router = self.router((manager.start)(&context)?, &metrics, &jobs)?;
        events.start(&*parts.transport, &jobs);
        timers.start(&jobs)?;
        self.start_relay(database_id, metrics, &relaying);
        self.common.barrier.one();
        Ok(router)
    }

    fn router(
        &self,
        wired: Wired,
        metrics: &ManagerMetrics,
        jobs: &Tasks,
    ) -> std::result::Result<Router, StartError> {
        let context = RouterContext {
            domain: self.manager.name,
            inbox: self.store.inbox.clone(),
            clock: self.store.clock.clone(),
            metrics: self.parts.metrics.clone(),
            manager_metrics: metrics.clone(),
            intake: Intake::new(&self.parts.config),
            work: jobs.tracker.clone(),
        };
        let renamed_by = self.manager.renamed_by.map(Setting::name);
        Router::new(wired, context)
            .map(|router| router.renamed_by(renamed_by))
            .map_err(|fault| StartError::Other(fault.to_string()))
    }

    fn context(&self, metrics: &ManagerMetrics, jobs: &Tasks) -> ManagerContext {
        let (parts, store, name) = (self.parts, self.store, self.manager.name);
        let requester = Requester::new(Arc::clone(&parts.transport), metrics.clone());
        ManagerContext {
            name,
            config: parts.config.clone(),
            store: store.clone(),
            clock: parts.clock.clone(),
            ids: Ids::default(),
            timers: Timers::new(store.clone(), parts.metrics.clone(), name),
            events: Events::new(store.clone(), parts.metrics.clone(), name)
                .knowing(self.common.siblings.clone()),
            rpc: RpcClient::new(Arc::new(requester), name).knowing(self.common.siblings.clone()),
            metrics: metrics.clone(),
            process_metrics: parts.metrics.clone(),
            scopes: self.common.scopes.clone(),
            tasks: jobs.clone(),
            shared: parts.shared.clone(),
        }
    }

    /// Forgets what is old: operations, and what was given up.
    fn sweep(&self, jobs: &Tasks) {
        let (inbox, clock) = (self.store.inbox.clone(), self.store.clock.clone());
        let letters = DeadLetters::new(self.store.db.clone(), self.manager.prefix());
        self.parts
            .dead_letters
            .add(self.manager.name, letters.clone());
        jobs.every("inbox sweep", SWEEP_PERIOD, move || {
            let (inbox, letters, now) = (inbox.clone(), letters.clone(), clock.now());
            async move {
                if let Err(fault) = inbox.sweep().await {
                    warn!(%fault, "inbox not swept");
                }
                if let Err(fault) = letters.sweep(now).await {
                    warn!(%fault, "dead letters not swept");
                }
            }
        });
    }

    fn start_relay(&self, database_id: String, metrics: ManagerMetrics, relaying: &Tasks) {
        let (parts, name) = (self.parts, self.manager.name);
        let barrier = self.common.barrier.clone();
        let relay = Relay::new(
            self.store,
            self.store.waker(),
            Arc::clone(&parts.transport),
            RelayMetrics {
                common: parts.metrics.clone(),
                manager: metrics,
            },
            name,
            parts.config.get(&settings::WEBHOOK_FORWARDING),
        );
        relaying.spawn("relay", |stop| async move {
            tokio::select! {
                () = stop.cancelled() => return,
                () = barrier.all() => {}
            }
            relay.run(database_id, stop).await;
        });
    }
}

/// Asks until the database answers and its schema is right; its identity, or nothing when stopped.
async fn wait_for_database(
    parts: &ProcessContext,
    data: &Storage,
    manager: Manager,
    stop: &CancellationToken,
) -> Option<String> {
    let mut backoff = Backoff::default();
    loop {
        match prepare_database(parts, data, manager).await {
            Ok(id) => {
                data.set_ready(manager.prefix());
                parts.health.set("database", durability(&data.db).await);
                return Some(id.simple().to_string());
            }
            Err(fault) => {
                parts.health.set("database", State::Down(fault.to_string()));
                warn!(manager = manager.name, %fault, "waiting for the database");
            }
        }
        tokio::select! {
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(backoff.next_pause()) => {}
        }
    }
}

async fn prepare_database(
    parts: &ProcessContext,
    data: &Storage,
    manager: Manager,
) -> Result<Uuid> {
    if parts.config.get(&settings::MIGRATE_AT_START) {
        let applied = manager.migrations.up(&data.db).await?;
        if applied > 0 {
            info!(manager = manager.name, applied, "schema brought up to date");
        }
    }
    identity(&data.db, manager.prefix()).await
}

#[derive(bin_common_handler::FromRow)]
struct Identity {
    id: Uuid,
}

/// The database's own id: relays of different databases on one broker must not exclude each other.
async fn identity(db: &Db, prefix: &str) -> Result<Uuid> {
    let select = format!("SELECT id FROM {prefix}_identity WHERE one = 1");
    if let Some(Identity { id }) = db.fetch_optional(&select, vec![]).await? {
        return Ok(id);
    }
    let insert = format!("INSERT INTO {prefix}_identity (one, id) VALUES (1, ?)");
    // Another replica may have been faster.
    let _ = db.execute(&insert, vec![ids::next().into()]).await;
    let found: Option<Identity> = db.fetch_optional(&select, vec![]).await?;
    found
        .map(|identity| identity.id)
        .ok_or_else(|| crate::models::error::Error::unavailable("database", "it keeps no identity"))
}

#[derive(bin_common_handler::FromRow)]
struct Flag {
    value: String,
}

/// A server that does not write each commit to disk may lose the last ones: said, not hidden.
async fn durability(db: &Db) -> State {
    if db.dialect() == Dialect::Sqlite {
        return State::Up;
    }
    let sql = "SELECT CAST(@@innodb_flush_log_at_trx_commit AS CHAR) AS value";
    match db.fetch_optional::<Flag>(sql, vec![]).await {
        Ok(Some(Flag { value })) if value == "1" => State::Up,
        Ok(_) => State::Reduced(
            "innodb_flush_log_at_trx_commit is not 1: the last commits may be lost when the server fails".to_owned(),
        ),
        Err(fault) => State::Down(fault.to_string()),
    }
}

/// Keeps `/readyz` true while nobody asks anything.
pub(super) fn watch_dependencies(
    parts: &ProcessContext,
    data: &Storage,
    managers: &[Manager],
    jobs: &Tasks,
) {
    let (parts, data) = (parts.clone(), data.clone());
    watch_times(&parts, &data, managers, jobs);
    jobs.every("dependency check", HEALTH_PERIOD, move || {
        let (parts, data) = (parts.clone(), data.clone());
        async move {
            watch_disk(&parts);
            tell_database(&parts, database(&data).await);
            if let Cache::Redis(redis) = &data.cache {
                let state = match redis.is_up().await {
                    Ok(()) => State::Up,
                    Err(why) => {
                        State::Reduced(format!("{why}; everything is read from the database"))
                    }
                };
                parts.health.set("cache", state);
            }
        }
    });
}

/// Says that a clock was wrong once and has left times that do harm; sets nothing right by itself.
fn watch_times(parts: &ProcessContext, data: &Storage, managers: &[Manager], jobs: &Tasks) {
    let (parts, data, managers) = (parts.clone(), data.clone(), managers.to_vec());
    jobs.every("times ahead", TIMES_PERIOD, move || {
        let (parts, data, managers) = (parts.clone(), data.clone(), managers.clone());
        async move {
            let (ready, now) = (data.ready(), parts.clock.now());
            let mut found = Vec::new();
            for manager in managers.iter().filter(|it| ready.contains(&it.prefix())) {
                match ahead::find(&data.db, manager.prefix(), manager.times, now, true).await {
                    Ok(ahead) => found.extend(ahead),
                    Err(fault) => {
                        debug!(%fault, "times not looked at");
                        return;
                    }
                }
            }
            tell_times(&parts, &found);
        }
    });
}

fn tell_times(parts: &ProcessContext, found: &[Ahead]) {
    let columns: Vec<_> = found
        .iter()
        .map(|it| format!("{}.{}", it.table, it.column))
        .collect();
    let columns = columns.join(", ");
    let state = if found.is_empty() {
        State::Up
    } else {
        State::Reduced(format!(
            "times in the database are more than a day ahead of the clock ({columns}): it was wrong, or is behind \
             now; \"tandem repair clock\" lists them"
        ))
    };
    if parts.health.set("clock", state.clone()) && state != State::Up {
        warn!(
            columns,
            "times in the database are more than a day ahead: tandem repair clock"
        );
    }
}

/// Whether it can be read, and really be written.
async fn database(data: &Storage) -> State {
    let state = durability(&data.db).await;
    if matches!(state, State::Down(_)) {
        return state;
    }
    for prefix in data.ready() {
        if let Some(trouble) = data.db.try_write(prefix, TRY_AFTER).await {
            return State::Down(trouble.why().to_owned());
        }
    }
    state
}

/// One line in the log for each change; requests that fail meanwhile say nothing of their own.
fn tell_database(parts: &ProcessContext, state: State) {
    let was_down = matches!(parts.health.report().get("database"), Some(State::Down(_)));
    if !parts.health.set("database", state.clone()) {
        return;
    }
    match state {
        State::Down(why) => error!(why, "the database does not work; requests are refused"),
        _ if was_down => info!("the database works again"),
        _ => {}
    }
}

/// Says that the disk of DATA_DIR will be full, while there is still time.
fn watch_disk(parts: &ProcessContext) {
    let Some(free) = files::free_bytes(&parts.config.data_dir()) else {
        return;
    };
    parts
        .metrics
        .disk_free_bytes
        .set(i64::try_from(free).unwrap_or(i64::MAX));
    let least = parts.config.get(&settings::DISK_ALARM_MB);
    let state = if free >= least.saturating_mul(MIB) {
        State::Up
    } else {
        State::Reduced(format!(
            "less than {least} MiB are free where DATA_DIR lies"
        ))
    };
    if parts.health.set("disk", state.clone()) && state != State::Up {
        warn!(
            free_mib = free / MIB,
            least_mib = least,
            "the disk of DATA_DIR is nearly full"
        );
    }
}
