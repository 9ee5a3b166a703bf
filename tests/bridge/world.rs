//! A small manager and a bridge in front of it.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicUsize, Ordering},
    },
    time::Duration,
};

use bin_common_handler::{
    cachehandler::Cache,
    clock::Clock,
    context::RequestContext,
    databasehandler::{Db, Dsn, Store, migrate::Migrations},
    health::Health,
    httpserver::{Options, raise_descriptors, serve},
    listenhandler::{
        Intake, Json, List, Path as PathId, Query, Room, RoomKey, RouteInfo, Router, RouterContext,
        Routes, State, Topic, Wired,
    },
    metrics::Metrics,
    models::{
        error::{Error, Result},
        page::{Filter, FilterKind},
        role::Roles,
    },
    notifyhandler::Waker,
    redact::Secret,
    requesthandler::Requester,
    sockhandler::{Live, Receive, Transport, inprocess::InProcess, rabbitmq::RabbitMq},
};
use serde_json::{Value, json};
use tandem::{
    bridge::{AccessKey, Bridge, Limits, Rate, Shares, Table},
    managers,
};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    client::KEY,
    dids::{self, Dids},
    hooks,
};

/// The small manager's name.
pub const NAME: &str = "note-manager";

/// Its schema: what every manager has.
pub const MIGRATIONS: Migrations = Migrations::new("note", &[]);

/// Of keys about whom nothing else is said.
const USUAL_RATE: Rate = Rate {
    per_second: 100,
    burst: 500,
};

/// Managers and their routes.
type Tables = Vec<(&'static str, Vec<RouteInfo>)>;

const FILTERS: &[Filter] = &[("name", FilterKind::Text), ("deleted", FilterKind::Deleted)];

/// What the small manager remembers.
#[derive(Clone)]
pub struct Notes {
    pub store: Store,
    pub created: Arc<AtomicUsize>,
    /// Size of each bulk batch and the last row of it.
    pub batches: Arc<Mutex<Vec<(usize, Value)>>>,
    /// What happened to a note.
    pub happened: Arc<Mutex<Happened>>,
}

/// What happened to a note, as its room tells of it.
#[derive(Default)]
pub struct Happened {
    pub last_seq: i64,
    /// Once: what is after this number is not there now.
    pub is_away_after: Option<i64>,
    /// The note is no longer the caller's.
    pub is_gone: bool,
}

/// One note, in order.
const ROOM: Room = Room {
    scope: "note",
    topics: &[Topic {
        name: "change",
        field: "note_id",
        op: "",
    }],
    key: RoomKey::Path,
    is_replayed: true,
    asked_again_at: "state",
};

/// Its table.
pub fn routes() -> Routes<Notes> {
    Routes::default()
        .get("/v1/notes", list)
        .filtered_by(FILTERS)
        .stream("notes", "note")
        .stream_to("account_id")
        .post("/v1/notes", create)
        .get("/v1/notes/<note-id>", get)
        .get("/v1/notes/<note-id>/events", events)
        .internal()
        .roles(Roles::SEEN)
        .room(ROOM)
        .put("/v1/notes/<note-id>", put)
        .get("/v1/notes/slow", slow)
        .get("/v1/notes/busy", busy)
        .post("/v1/notes/bulk", bulk)
        .bulk()
}

async fn list(list: List) -> Result<Json<Value>> {
    let filters: Vec<_> = list.filters.iter().map(|f| format!("{f:?}")).collect();
    Ok(Json(json!({ "size": list.page.size, "filters": filters })))
}

async fn create(
    State(notes): State<Notes>,
    ctx: RequestContext,
    Json(body): Json<Value>,
) -> Result<Json<Value>> {
    let tx = notes.store.begin(&ctx).await?;
    let number = notes.created.fetch_add(1, Ordering::SeqCst) + 1;
    let reply = json!({ "number": number, "body": body, "request_id": ctx.request_id });
    tx.commit(reply).await.map(Json)
}

async fn get(PathId(id): PathId, Query(query): Query) -> Result<Json<Value>> {
    if id.is_nil() {
        return Err(Error::not_found(
            "NOTE_NOT_FOUND",
            "The note was not found.",
        ));
    }
    Ok(Json(json!({ "id": id, "query": query })))
}

/// Two events a page.
async fn events(
    State(notes): State<Notes>,
    _: PathId,
    Query(query): Query<HashMap<String, i64>>,
) -> Result<Json<Value>> {
    let mut happened = notes.happened.lock().unwrap();
    if happened.is_gone {
        return Err(Error::not_found(
            "NOTE_NOT_FOUND",
            "The note was not found.",
        ));
    }
    let last_seq = happened.last_seq;
    let after = query.get("after_seq").copied().unwrap_or(last_seq);
    if happened.is_away_after == Some(after) {
        happened.is_away_after = None;
        return Err(Error::unavailable("database", "gone"));
    }
    let told = (after + 1..=last_seq).take(2);
    let told: Vec<_> = told
        .map(|seq| json!({"seq": seq, "type": "changed"}))
        .collect();
    let page = json!({"ok": true, "last_seq": last_seq, "oldest_seq": 1, "events": told});
    Ok(Json(page))
}

async fn put(_: PathId, Json(body): Json<Value>) -> Result<Json<Value>> {
    Ok(Json(body))
}

async fn slow(_: Query) -> Result<Json<Value>> {
    tokio::time::sleep(Duration::from_millis(600)).await;
    Ok(Json(json!("at last")))
}

async fn busy(_: Query) -> Result<Json<Value>> {
    Err(Error::resource_exhausted("LIMIT_REACHED", "Later."))
}

/// A row "bad" is refused with its batch, a row "away" stands for a database that is gone.
async fn bulk(
    State(notes): State<Notes>,
    ctx: RequestContext,
    Json(rows): Json<Vec<Value>>,
) -> Result<Json<Value>> {
    if let Some(index) = rows.iter().position(|row| row == "bad") {
        let error = Error::invalid_argument("INVALID_ROWS", "A row is wrong.");
        return Err(error.with_detail(json!({ "index": index })));
    }
    if rows.iter().any(|row| row == "away") {
        return Err(Error::unavailable("database", "gone"));
    }
    let tx = notes.store.begin(&ctx).await?;
    let last = rows.last().cloned().unwrap_or_default();
    notes.batches.lock().unwrap().push((rows.len(), last));
    let reply = json!({ "created": rows.len(), "skipped": 0 });
    tx.commit(reply).await.map(Json)
}

/// The store on a file in `dir`.
pub async fn store(dir: &Path) -> Store {
    let db = Db::new(&Dsn::Sqlite(dir.join("notes.db")), 2).unwrap();
    MIGRATIONS.up(&db).await.unwrap();
    let waker = Arc::new(Waker::default());
    Store::new(db, Clock::default(), Cache::local(), waker, "note", NAME)
}

/// Managers, a bridge, and where it listens.
pub struct World {
    pub at: SocketAddr,
    pub notes: Notes,
    pub dids: Dids,
    pub bus: InProcess,
    /// The bridge's.
    pub clock: Clock,
    pub metrics: Metrics,
    pub stop: CancellationToken,
    pub bridge: JoinHandle<()>,
    /// What the bridge hears, and what hears it.
    pub live: (Live, Arc<dyn Receive>),
    _dir: TempDir,
}

/// Starts all; one entry of the table has no manager behind it.
pub async fn start() -> World {
    start_with(Options::bridge(raise_descriptors()), Shares::default()).await
}

/// As [`start`], with other limits.
pub async fn start_with(options: Options, shares: Shares) -> World {
    start_before(small_tables(), options, shares).await
}

/// The bridge before the route tables of the real managers. Behind it is who knows access keys; whatever reaches another
/// manager is answered 404.
pub async fn start_real() -> World {
    let tables = managers::ALL
        .iter()
        .map(|manager| (manager.name, (manager.routes)()))
        .collect();
    let options = Options::bridge(raise_descriptors());
    let world = start_before(tables, options, Shares::default()).await;
    for manager in managers::ALL {
        if manager.name != dids::NAME {
            let (store, nothing) = (&world.notes.store, Routes::<()>::default());
            serve_manager(&world.bus, store, &world.metrics, manager.name, nothing, ());
        }
    }
    world
}

async fn start_before(tables: Tables, options: Options, shares: Shares) -> World {
    let dir = TempDir::new().unwrap();
    let notes = Notes {
        store: store(dir.path()).await,
        created: Arc::default(),
        batches: Arc::default(),
        happened: Arc::default(),
    };
    let (metrics, bus) = (Metrics::new().unwrap(), InProcess::default());
    let dids = Dids::default();
    serve_manager(&bus, &notes.store, &metrics, NAME, routes(), notes.clone());
    serve_manager(
        &bus,
        &notes.store,
        &metrics,
        dids::NAME,
        dids::routes(),
        dids.clone(),
    );
    serve_manager(
        &bus,
        &notes.store,
        &metrics,
        hooks::NAME,
        hooks::routes(),
        (),
    );
    let (stop, clock) = (CancellationToken::new(), Clock::default());
    let transport: Arc<dyn Transport> = Arc::new(bus.clone());
    let limits = Limits::new(USUAL_RATE, None, metrics.clone()).with_shares(shares);
    let (at, bridge, live) = serve_with(
        tables,
        transport,
        limits,
        options,
        &clock,
        &metrics,
        stop.clone(),
    )
    .await;
    World {
        live,
        at,
        notes,
        dids,
        bus,
        clock,
        metrics,
        stop,
        bridge,
        _dir: dir,
    }
}

/// Serves the bridge over a transport.
pub async fn serve_bridge(
    transport: Arc<dyn Transport>,
    clock: &Clock,
    metrics: &Metrics,
    stop: CancellationToken,
) -> (SocketAddr, JoinHandle<()>) {
    let limits = Limits::new(USUAL_RATE, None, metrics.clone());
    let options = Options::bridge(raise_descriptors());
    let (at, served, _) = serve_with(
        small_tables(),
        transport,
        limits,
        options,
        clock,
        metrics,
        stop,
    )
    .await;
    (at, served)
}

fn small_tables() -> Tables {
    vec![
        (NAME, routes().infos()),
        (dids::NAME, dids::routes().infos()),
        (hooks::NAME, hooks::routes().infos()),
        ("ghost-manager", ghosts()),
    ]
}

async fn serve_with(
    tables: Tables,
    transport: Arc<dyn Transport>,
    limits: Limits,
    options: Options,
    clock: &Clock,
    metrics: &Metrics,
    stop: CancellationToken,
) -> (SocketAddr, JoinHandle<()>, (Live, Arc<dyn Receive>)) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let requester = Requester::new(
        Arc::clone(&transport),
        metrics.for_manager("http-bridge").unwrap(),
    );
    let bridge = Bridge::new(
        Table::new(tables).unwrap(),
        AccessKey::new(&Secret::new(KEY)),
        requester,
        limits,
        clock.clone(),
        metrics.clone(),
    );
    for (subscription, ear) in bridge.listeners() {
        let (transport, never) = (Arc::clone(&transport), CancellationToken::new());
        tokio::spawn(async move { transport.subscribe(subscription, ear, never).await });
    }
    let live = bridge.live();
    let ((heard, hub), bus) = (live.clone(), Arc::clone(&transport));
    tokio::spawn(async move { bus.follow(heard, hub, CancellationToken::new()).await });
    let (sockets, stopping) = (bridge.sockets(), stop.clone());
    tokio::spawn(async move {
        stopping.cancelled().await;
        sockets.close().await;
    });
    let app = bridge.into_app(None);
    let served = tokio::spawn(serve(listener, app, options, metrics.clone(), stop));
    tokio::task::yield_now().await;
    (at, served, live)
}

/// An address that nobody listens at. Its port is below those that the system gives to outgoing connections, so none of
/// them takes it before the daemon does.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000
            + (std::process::id() as u16)
                .wrapping_mul(31)
                .wrapping_add(nth)
                % 10_000;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// A broker that takes connections and never says a word.
pub async fn silent_broker() -> (Arc<RabbitMq>, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("amqp://guest:guest@{}", listener.local_addr().unwrap());
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(stream);
        }
    });
    (rabbitmq(&address), held)
}

/// The transport to a broker at `address`.
pub fn rabbitmq(address: &str) -> Arc<RabbitMq> {
    Arc::new(RabbitMq::new(
        Secret::new(address),
        Clock::default(),
        Metrics::new().unwrap(),
        Health::default(),
    ))
}

fn serve_manager<S: Clone + Send + Sync + 'static>(
    bus: &InProcess,
    store: &Store,
    metrics: &Metrics,
    name: &'static str,
    routes: Routes<S>,
    state: S,
) {
    let context = RouterContext {
        domain: name,
        inbox: store.inbox.clone(),
        clock: Clock::default(),
        metrics: metrics.clone(),
        manager_metrics: metrics.for_manager(name).unwrap(),
        intake: Intake::default(),
        work: TaskTracker::new(),
    };
    let router = Router::new(Wired::new(routes, state), context);
    let (bus, router) = (bus.clone(), Arc::new(router.unwrap()));
    tokio::spawn(async move {
        let (health, never) = (Health::default(), CancellationToken::new());
        bus.serve(name, router, health, never).await;
    });
}

fn ghosts() -> Vec<RouteInfo> {
    async fn none(_: Query) -> Result<Json<Value>> {
        Ok(Json(Value::Null))
    }
    Routes::<()>::default().get("/v1/ghosts", none).infos()
}
