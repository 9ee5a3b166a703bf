//! The bridge as a companion of its manager, in one process, as `tandem serve` runs it.

use std::{fs, net::TcpListener, time::Duration};

use bin_common_handler::{
    config::{COMMON, Config},
    daemon::{Manager, ManagerContext, StartError, run},
    listenhandler::Wired,
};
use serde_json::json;
use tandem::bridge::{key_from, sidecar};
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::{
    client::send,
    world::{MIGRATIONS, NAME, Notes, free_address, routes},
};

const MANAGER: Manager = Manager {
    name: NAME,
    renamed_by: None,
    crate_name: env!("CARGO_CRATE_NAME"),
    migrations: MIGRATIONS,
    settings: &[],
    times: &[],
    routes: || routes().infos(),
    start: wire,
};

fn wire(ctx: &ManagerContext) -> Result<Wired, StartError> {
    let notes = Notes {
        store: ctx.store.clone(),
        created: Default::default(),
        batches: Default::default(),
        happened: Default::default(),
    };
    Ok(Wired::new(routes(), notes))
}

fn config(dir: &TempDir, listen: &str) -> Config {
    let values = [
        ("DATA_DIR", dir.path().to_str().unwrap()),
        ("HTTP_LISTEN_ADDRESS", listen),
        ("PROMETHEUS_LISTEN_ADDRESS", "127.0.0.1:0"),
        ("BRIDGE_CORS_ORIGINS", "https://app.example.com"),
    ];
    Config::with_values(COMMON, &values).unwrap()
}

#[tokio::test]
async fn a_first_start_makes_a_key_that_opens_and_a_stop_answers_before_the_manager_goes() {
    let dir = TempDir::new().unwrap();
    let at = free_address();
    let config = config(&dir, &at.to_string());
    let (stop, stopped) = oneshot::channel::<()>();
    let tables = vec![(MANAGER.name, (MANAGER.routes)())];
    let running = tokio::spawn(run(
        config.clone(),
        vec![MANAGER],
        Some(sidecar(tables)),
        async { drop(stopped.await) },
    ));
    let path = dir.path().join("bridge.key");
    while !path.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let key = key_from(&config).unwrap().unwrap();
    let key = format!("x-api-key: {}", key.expose());
    let first = send(at, "GET /v1/notes", &[&key], "").await;
    assert_eq!(first.status, 200, "the first request waits for the manager");
    let preflight = [
        "origin: https://app.example.com",
        "access-control-request-method: POST",
    ];
    let answer = send(at, "OPTIONS /v1/notes", &preflight, "").await;
    let allowed = answer.header("access-control-allow-origin");
    assert_eq!(
        (answer.status, allowed),
        (200, Some("https://app.example.com"))
    );
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    for headers in [vec![&*key], vec![&*key, "origin: https://app.example.com"]] {
        let answer = send(at, "OPTIONS /v1/notes", &headers, "").await;
        let allow = Some("GET, HEAD, POST, OPTIONS");
        assert_eq!((answer.status, answer.header("allow")), (204, allow));
    }
    let slow = tokio::spawn(async move { send(at, "GET /v1/notes/slow", &[&key], "").await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    stop.send(()).unwrap();
    let answer = slow.await.unwrap();
    assert_eq!((answer.status, answer.json()), (200, json!("at last")));
    running.await.unwrap().unwrap();
    assert!(fs::read_to_string(path).unwrap().starts_with("tandem_"));
}

#[tokio::test]
async fn the_bridge_alone_leaves_data_dir_to_others() {
    let dir = TempDir::new().unwrap();
    let config = config(&dir, "127.0.0.1:0");
    let done = run(config, vec![], Some(sidecar(vec![])), async {}).await;
    done.unwrap();
    let names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["bridge.key"], "neither a lock nor a database");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_by_its_setting() {
    let dir = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = config(&dir, &taken.local_addr().unwrap().to_string());
    let fault = run(config, vec![], Some(sidecar(vec![])), async {}).await;
    let fault = fault.unwrap_err().to_string();
    assert!(fault.starts_with("HTTP_LISTEN_ADDRESS"), "{fault}");
    assert!(!dir.path().join("bridge.key").exists());
}
