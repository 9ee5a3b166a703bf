//! The whole program on real services with everything logged that it ever logs, through a day and its faults.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use bin_common_handler::testing::lab::{Daemon, Program, Scene, until};
use lapin::BasicProperties;
use tandem::managers;

use super::{
    journey::{Journey, Refusal},
    spellings::{of_phone, of_secret},
};
use crate::tenant::Tenant;

/// The program that serves everything.
const TANDEM: Program = Program {
    name: "did-manager",
    file: env!("CARGO_BIN_EXE_tandem"),
};

const DATABASE: &str = "Canary@Db-4471";
const BROKER: &str = "canary-broker-8206-Kq";
const REDIS: &str = "canary-redis-9310-Wv";
/// The operator's key.
pub const BRIDGE: &str = "canary-bridge-0517-PdXr";
const HASHES: &str = "canary-hash-key-6620-that-is-long-enough";
const SECRETS_KEY: &str = "canary-secrets-key-5527-that-is-long-enough";
/// Keys that callers show and that open nothing: one that could be a key, one that could not.
const WRONG_KEYS: [&str; 2] = [
    "did_c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00",
    "canary-wrong-key-7713",
];
const SECRETS: [&str; 8] = [
    DATABASE,
    BROKER,
    REDIS,
    BRIDGE,
    HASHES,
    SECRETS_KEY,
    WRONG_KEYS[0],
    WRONG_KEYS[1],
];

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap()
}

/// Starts everything with planted passwords and keys, as this user of the broker; `format` is that of the log.
fn start(scene: &Scene, bridge: SocketAddr, user: &str, format: &str) -> Daemon {
    let dsn = scene
        .dsn()
        .replace("tandem:tandem@", "tandem:Canary%40Db-4471@");
    assert_ne!(dsn, scene.dsn(), "the database's password is planted");
    let amqp = scene
        .amqp()
        .replace("guest:guest@", &format!("{user}:{BROKER}@"));
    scene.spawn(&[
        ("LOG_LEVEL", "trace"),
        ("LOG_FORMAT", format),
        ("DATABASE_DSN", &dsn),
        ("RABBITMQ_ADDRESS", &amqp),
        ("REDIS_PASSWORD", REDIS),
        ("BRIDGE_ACCESS_KEY", BRIDGE),
        ("DID_HASH_KEY", HASHES),
        ("SECRETS_KEY", SECRETS_KEY),
        ("HTTP_LISTEN_ADDRESS", &bridge.to_string()),
        ("RATE_LIMIT_PER_SECOND", "0"),
    ])
}

/// What must be nowhere.
fn canaries(tenant: &Tenant) -> Vec<String> {
    let phones = ["phone", "number"].map(|name| tenant.value(name).trim_start_matches("+1"));
    let phones = phones.into_iter().flat_map(of_phone);
    let carriers = format!("{}-secret", tenant.mark);
    let secrets = SECRETS
        .into_iter()
        .chain([carriers.as_str()])
        .chain([tenant.token.as_str()])
        .chain(["token", "visitor-token", "ended-token"].map(|name| tenant.value(name)))
        .flat_map(of_secret);
    phones.chain(secrets).collect()
}

/// Lines of `text` that hold a canary.
fn singing<'t>(text: &'t str, canaries: &[String]) -> Vec<&'t str> {
    let holds = |line: &&str| canaries.iter().any(|canary| line.contains(canary));
    text.lines().filter(holds).collect()
}

/// Requests that fail because something that they need is away.
async fn faults(scene: &mut Scene, journey: &Journey) {
    scene.lab.redis.kill();
    journey.every_route(managers::ALL).await;
    scene.lab.cut_connections();
    let phone = journey.tenant.value("phone").trim_start_matches('+');
    let next = format!("GET /v1/dids/next?customer_phone={phone}&campaign_id=X&uniqueid=");
    let key = format!("x-api-key: {}", journey.tenant.token);
    until("the broker is back", async || {
        let answer = journey.send(&format!("{next}7.1"), &[&key], "").await;
        (answer.status == 200).then_some(())
    })
    .await;
    scene.lab.database.kill();
    for number in 0..5 {
        let answer = journey
            .send(&format!("{next}8.{number}"), &[&key], "")
            .await;
        assert!(answer.status >= 500, "{answer:?}");
        let body = format!("{{\"number\": \"{phone}\"}}");
        journey
            .ask(
                bin_common_handler::listenhandler::Access::ByEffect,
                "POST /v1/dids",
                &body,
            )
            .await;
    }
    scene.lab.database.start();
    scene.lab.database.up().await;
    until("the database is back", async || {
        let answer = journey.send(&format!("{next}9.1"), &[&key], "").await;
        (answer.status == 200).then_some(())
    })
    .await;
}

/// Messages that are no requests.
async fn garbage(scene: &Scene, tenant: &Tenant) {
    let (_connection, channel) = scene.channel().await;
    let phone = tenant.value("phone");
    for body in [
        phone.to_owned(),
        format!("{{\"uri\": \"/v1/dids?phone={phone}\", \"method\": \"{phone}\"}}"),
        format!("{{\"uri\": \"/v1/{phone}\", \"method\": \"GET\", \"customer_id\": \"{phone}\"}}"),
        format!(
            "{{\"uri\": \"/v1/{phone}\", \"method\": \"GET\", \"request_id\": \"{}\"}}",
            "x".repeat(9)
        ),
    ] {
        let nobody = BasicProperties::default().with_reply_to(phone.into());
        scene.publish(&channel, body.as_bytes(), nobody).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_log_figure_or_refusal_holds_a_phone_number_or_a_secret() {
    let mut scene = Scene::new(TANDEM).await;
    scene.lab.add_broker_user("canary", BROKER);
    scene.lab.set_redis_password(REDIS).await;
    let bridge = free_address();
    let mut daemon = start(&scene, bridge, "canary", "text");
    daemon.ready().await;
    let clients = [
        "did-manager",
        "outdial-manager",
        "call-manager",
        "chat-manager",
    ]
    .map(|name| scene.client(name));
    let tenant = Tenant::new(&clients, "canary", 415).await;
    let journey = Journey::new(tenant, bridge);
    journey.every_route(managers::ALL).await;
    journey.forms_and_files().await;
    journey.wrong_keys(&WRONG_KEYS).await;
    journey.mistakes(managers::ALL).await;
    let mut refusals = journey.over_queue(&clients[0]).await;
    garbage(&scene, &journey.tenant).await;
    let mut figures = daemon.figures().await.unwrap();
    faults(&mut scene, &journey).await;
    figures.push_str(&daemon.figures().await.unwrap());
    for path in ["/healthz", "/readyz"] {
        figures.push_str(&daemon.report(path).await.unwrap().1.to_string());
    }
    assert_eq!(daemon.terminate().await.0, Some(0));
    refusals.extend(journey.refusals());
    assert!(refusals.len() > 1_000, "{}", refusals.len());
    let log = daemon.log();
    assert!(
        log.contains(" served ") && log.contains(" WARN "),
        "everything is logged"
    );
    let canaries = canaries(&journey.tenant);
    assert_eq!(singing(&log, &canaries), Vec::<&str>::new(), "in the log");
    assert_eq!(
        singing(&figures, &canaries),
        Vec::<&str>::new(),
        "in the figures"
    );
    for Refusal { asked, said } in &refusals {
        assert_eq!(singing(said, &canaries), Vec::<&str>::new(), "{asked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_says_no_password() {
    let mut scene = Scene::new(TANDEM).await;
    scene.lab.database.kill();
    scene.lab.redis.kill();
    // Nobody has told the broker of this user.
    let daemon = start(&scene, free_address(), "stranger", "json");
    daemon.not_ready().await;
    until("it says what it waits for", async || {
        let log = daemon.log();
        (log.contains("waiting for the database") && log.contains("does not know the user"))
            .then_some(())
    })
    .await;
    let canaries: Vec<_> = SECRETS.into_iter().flat_map(of_secret).collect();
    assert_eq!(singing(&daemon.log(), &canaries), Vec::<&str>::new());
    let (_, report) = daemon.report("/healthz").await.unwrap();
    assert_eq!(singing(&report.to_string(), &canaries), Vec::<&str>::new());
}
