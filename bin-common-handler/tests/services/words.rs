//! Timers, events and requests to siblings of whole daemons, on RabbitMQ and MariaDB, and on the embedded default.

#[path = "words/killed.rs"]
mod killed;
#[path = "words/told.rs"]
mod told;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{LazyLock, Mutex},
    time::Duration,
};

use bin_common_handler::{
    clock::Clock,
    context::RequestContext,
    daemon::{Manager, ManagerContext, StartError},
    databasehandler::{ChangeTx, Db, Dialect, EventPayload, Store, Value, migrate::Migrations},
    ids,
    listenhandler::{Json, Path, Routes, State, Wired},
    models::{
        error::{Error, Result},
        sock::Method,
        time::Timestamp,
    },
    requesthandler::RpcClient,
    sockhandler::ReceivedEvent,
    testing::{Installation, Kind, until_within},
    timerhandler::Timer,
};
use rstest::rstest;
use serde_json::{Value as Data, json};
use tokio::time::Instant;
use uuid::Uuid;

const NAME: &str = "word-manager";
const KIND: &str = "close";
const TIMERS: u128 = 10_000;
/// Within which all of them fire, on a busy machine.
const SOON: Duration = Duration::from_secs(120);

/// How many more times the handlers fail.
static FAILURES: LazyLock<Mutex<BTreeMap<&'static str, u64>>> = LazyLock::new(Mutex::default);

/// A manager that notes what it hears, and has a timer; it tells and hears itself.
const MANAGER: Manager = Manager {
    name: NAME,
    renamed_by: None,
    crate_name: env!("CARGO_CRATE_NAME"),
    migrations: Migrations::new("word", &[]),
    settings: &[],
    times: &[],
    routes: || routes().infos(),
    start,
};

#[derive(Clone)]
struct App {
    store: Store,
    rpc: RpcClient,
    name: &'static str,
}

fn routes() -> Routes<App> {
    Routes::default()
        .get("/v1/words/<word-id>", get)
        .post("/v1/words", make)
        .post("/v1/words/ask", ask)
}

async fn get(Path(id): Path) -> Result<Json<Data>> {
    Err(
        Error::not_found("WORD_NOT_FOUND", "The word was not found.")
            .with_detail(json!({ "id": id })),
    )
}

/// Writes one row and one event.
async fn make(State(app): State<App>, ctx: RequestContext) -> Result<Json<Data>> {
    let mut tx = app.store.begin(&ctx).await?;
    let id = ids::next();
    tell(&mut tx, "word_made", id, 1).await?;
    let soon = tx.now().plus(Duration::from_millis(300));
    tx.schedule(KIND, id, soon, &()).await?;
    let seen = json!({
        "id": id,
        "customer_id": ctx.scope.customer_id(),
        "request_id": ctx.request_id,
    });
    tx.commit(seen).await.map(Json)
}

/// Asks itself, as it would a sibling: twice for an effect, once for what is not there.
async fn ask(State(app): State<App>, ctx: RequestContext) -> Result<Json<Data>> {
    let name = app.name;
    let made: Data = app.rpc.post(name, "/v1/words", &json!({}), &ctx).await?;
    let again: Data = app.rpc.post(name, "/v1/words", &json!({}), &ctx).await?;
    let uri = format!("/v1/words/{}", Uuid::nil());
    let refused = app.rpc.get::<Data>(name, &uri, &ctx).await;
    let refused = refused.err().map(|error| error.reason().to_owned());
    let nobody = app.rpc.get::<Data>("nobody-manager", "/v1/x", &ctx).await;
    let nobody = nobody.err().map(|error| error.status().code());
    Ok(Json(json!({
        "made": made, "again": again, "refused": refused, "nobody": nobody,
    })))
}

async fn tell(tx: &mut ChangeTx<'_>, kind: &str, id: Uuid, version: i64) -> Result<()> {
    let payload = EventPayload {
        resource_id: id,
        customer_id: Uuid::from_u128(7),
        version: Timestamp::from_micros(version),
        data: json!({ "version": version }).to_string(),
    };
    tx.emit_payload(kind, payload).await
}

async fn close(tx: &mut ChangeTx<'_>, timer: Timer) -> Result<()> {
    let sql = "INSERT INTO word_fired (entity_id) VALUES (?)";
    tx.sql().execute(sql, vec![timer.entity_id.into()]).await?;
    Ok(())
}

#[derive(serde::Deserialize)]
struct Word {
    version: i64,
}

async fn hear(app: App, tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let word: Word = event.data()?;
    let entity = event.routing_key.split('.').nth(2).unwrap_or_default();
    let entity: Uuid = entity.parse().map_err(Error::internal)?;
    if event.customer_id != Some(Uuid::from_u128(7)) {
        return Err(Error::internal("the tenant did not come along"));
    }
    let sql = "INSERT INTO word_heard (entity_id, version) VALUES (?, ?)";
    let values = vec![entity.into(), word.version.into()];
    tx.sql().execute(sql, values).await?;
    let mut failures = FAILURES.lock().unwrap();
    let left = failures.entry(app.name).or_default();
    if *left > 0 {
        *left -= 1;
        return Err(Error::internal("as the test wants"));
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct Older {
    id: Uuid,
    number: i64,
}

async fn hear_older(tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let older: Older = event.data()?;
    let sql = "INSERT INTO word_heard (entity_id, version) VALUES (?, ?)";
    let values = vec![older.id.into(), older.number.into()];
    tx.sql().execute(sql, values).await?;
    Ok(())
}

fn start(ctx: &ManagerContext) -> std::result::Result<Wired, StartError> {
    let app = App {
        store: ctx.store.clone(),
        rpc: ctx.rpc.clone(),
        name: ctx.name,
    };
    ctx.timers.on(KIND, close);
    // Installations have names of their own.
    let pattern: &'static str = format!("{}.word.#", ctx.name).leak();
    ctx.events.on_with(pattern, app.clone(), hear);
    // As if it were an older service, which tells events without ids, versions and topics.
    ctx.events.from_fanout(ctx.name);
    ctx.events
        .on(format!("{}.call.#", ctx.name).leak(), hear_older);
    Ok(Wired::new(routes(), app))
}

/// An installation with the tables that the handlers write.
async fn installation(kind: Kind) -> (Installation, Db) {
    let installation = Installation::new(kind, MANAGER, &[]).await;
    let db = installation.db();
    let (seq, id) = match db.dialect() {
        Dialect::MySql => ("BIGINT AUTO_INCREMENT PRIMARY KEY", "BINARY(16)"),
        Dialect::Sqlite => ("INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB"),
    };
    for columns in ["fired (", "heard (version BIGINT, "] {
        let sql = format!("CREATE TABLE word_{columns}seq {seq}, entity_id {id} NOT NULL)");
        db.execute(&sql, vec![]).await.unwrap();
    }
    (installation, db)
}

#[derive(bin_common_handler::FromRow)]
struct Count {
    rows_there: i64,
    different: i64,
}

async fn count(db: &Db, table: &str, what: &str) -> (i64, i64) {
    let sql =
        format!("SELECT COUNT(*) AS rows_there, COUNT(DISTINCT {what}) AS different FROM {table}");
    let count: Option<Count> = db.fetch_optional(&sql, vec![]).await.unwrap();
    let count = count.unwrap();
    (count.rows_there, count.different)
}

#[derive(Debug, bin_common_handler::FromRow)]
struct Heard {
    entity_id: Uuid,
    version: i64,
}

async fn heard(db: &Db) -> Vec<(Uuid, i64)> {
    let sql = "SELECT entity_id, version FROM word_heard ORDER BY seq";
    let heard: Vec<Heard> = db.fetch_all(sql, vec![]).await.unwrap();
    heard
        .into_iter()
        .map(|one| (one.entity_id, one.version))
        .collect()
}

/// Each once, and those of one entity in order.
fn assert_in_order(heard: &[(Uuid, i64)], expected: &BTreeSet<(Uuid, i64)>) {
    let all: BTreeSet<_> = heard.iter().copied().collect();
    assert_eq!(&all, expected, "what was heard");
    assert_eq!(heard.len(), all.len(), "an effect came twice");
    let mut newest = BTreeMap::new();
    for (entity, version) in heard {
        let before = newest.insert(entity, *version).unwrap_or(0);
        assert!(before < *version, "v{version} of {entity} after v{before}");
    }
}

/// Sets timers of so many entities, as changes do.
async fn write_timers(db: &Db, timers: u128, due: Timestamp) {
    let due = due.micros();
    let mut tx = db.begin().await.unwrap();
    let all: Vec<u128> = (1..=timers).collect();
    for some in all.chunks(500) {
        let marks = vec!["(?, ?, ?, ?, ?, 0, 'null')"; some.len()].join(", ");
        let sql = format!(
            "INSERT INTO word_timers (kind, entity_id, id, due_at, next_at, attempt, payload) \
             VALUES {marks}"
        );
        let row = |id: &u128| -> [Value; 5] {
            let id = Uuid::from_u128(*id);
            [KIND.into(), id.into(), id.into(), due.into(), due.into()]
        };
        let values = some.iter().flat_map(row).collect();
        tx.execute(&sql, values).await.unwrap();
    }
    tx.commit().await.unwrap();
}

#[rstest]
#[case(Kind::Full, 2)]
#[case(Kind::Embedded, 1)]
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_timers_that_are_due_at_once_fire_once_each(
    #[case] kind: Kind,
    #[case] replicas: usize,
) {
    let (mut installation, db) = installation(kind).await;
    let (clock, mut running) = (Clock::default(), Vec::new());
    for _ in 0..replicas {
        running.push(installation.start_with_clock(clock.clone()).await);
    }
    write_timers(&db, TIMERS, clock.now().plus(Duration::from_secs(3_600))).await;
    assert_eq!(count(&db, "word_fired", "entity_id").await.0, 0);
    let began = Instant::now();
    clock.shift(3_601_000_000);
    let all = i64::try_from(TIMERS).unwrap();
    until_within(SOON, "all timers", async || {
        (count(&db, "word_fired", "entity_id").await.0 >= all).then_some(())
    })
    .await;
    println!("{kind:?}: {TIMERS} timers in {:?}", began.elapsed());
    assert_eq!(count(&db, "word_timers", "entity_id").await.0, 0);
    assert_eq!(count(&db, "word_fired", "entity_id").await, (all, all));
    for replica in running {
        replica.stop().await.unwrap();
    }
    installation.remove().await;
}

#[rstest]
#[case(Kind::Full)]
#[case(Kind::Embedded)]
#[tokio::test(flavor = "multi_thread")]
async fn a_change_sets_a_timer_and_tells_an_event_and_siblings_are_asked(#[case] kind: Kind) {
    let (mut installation, db) = installation(kind).await;
    let replica = installation.start().await;
    let customer_id = Uuid::from_u128(9);
    let client = installation.client().within(customer_id);
    for _ in 0..2 {
        let (status, said) = client
            .call_keyed(Method::Post, "/v1/words/ask", Some(json!({})), Some("k"))
            .await;
        assert_eq!(status, 200, "{said}");
        assert_eq!(said["refused"], json!("WORD_NOT_FOUND"));
        assert_eq!(said["nobody"], json!(503));
        assert_eq!(said["made"]["customer_id"], json!(customer_id));
        assert_ne!(
            said["made"]["id"], said["again"]["id"],
            "two effects, two keys"
        );
    }
    // Both were made once, under keys that follow from the caller's.
    until_within(SOON, "both timers", async || {
        let fired = count(&db, "word_fired", "entity_id").await;
        (fired == (2, 2)).then_some(())
    })
    .await;
    until_within(SOON, "both events", async || {
        let told = count(&db, "word_heard", "entity_id").await;
        (told == (2, 2)).then_some(())
    })
    .await;
    replica.stop().await.unwrap();
    installation.remove().await;
}
