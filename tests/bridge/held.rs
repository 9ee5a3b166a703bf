//! Connections that are held: silent, slow, or never read from. Everybody else is served meanwhile.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use bin_common_handler::{
    config::{COMMON, Config},
    daemon::run,
    httpserver::{Options, Upload, raise_descriptors},
    metrics::Metrics,
    testing::{http, until},
};
use serde_json::json;
use tandem::bridge::{Shares, key_from, sidecar};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::{Mutex, oneshot},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    client::{KEY, call, raw, read},
    socket_client::Client,
    world::{World, free_address, start_with},
};

const LONG: Duration = Duration::from_secs(60);
/// What an answer takes at most while the callers that hold connections have half of a busy machine.
const ANSWERED: Duration = Duration::from_secs(5);
/// One crowd at a time: two would measure each other.
static CROWD: Mutex<()> = Mutex::const_new(());

/// Limits that are met within a test; times are long where a test says nothing else.
fn few(connections_max: usize, per_address_max: usize) -> Options {
    Options {
        connections_max,
        per_address_max,
        head_max: LONG,
        idle_max: LONG,
        stall_max: LONG,
        upload: Upload {
            span: LONG,
            bytes_min: 0,
        },
        ..Options::bridge(raise_descriptors())
    }
}

async fn few_with(options: Options) -> World {
    start_with(options, Shares::default()).await
}

/// What was counted under a reason.
fn refused(metrics: &Metrics, reason: &str) -> u64 {
    let labels = ["bridge", reason];
    metrics.connections_refused.with_label_values(&labels).get()
}

/// Opens so many connections that say nothing, or little, and each again as soon as it is closed.
fn hold(at: SocketAddr, count: usize) -> JoinSet<()> {
    let mut held = JoinSet::new();
    for number in 0..count {
        held.spawn(async move {
            loop {
                if let Ok(stream) = TcpStream::connect(at).await {
                    wait_for_end(stream, number % 3).await;
                } else {
                    sleep(Duration::from_millis(5)).await;
                }
            }
        });
    }
    held
}

/// Says nothing, the beginning of a request, or one header after the other for ever.
async fn wait_for_end(mut stream: TcpStream, manner: usize) {
    if manner > 0 {
        let _ = stream
            .write_all(b"GET /v1/notes HTTP/1.1\r\nhost: b\r\n")
            .await;
    }
    let mut bytes = [0; 64];
    loop {
        let more = timeout(Duration::from_millis(500), stream.read(&mut bytes)).await;
        let goes_on = match more {
            Ok(read) => matches!(read, Ok(1..)),
            Err(_) => manner < 2 || stream.write_all(b"x: 1\r\n").await.is_ok(),
        };
        if !goes_on {
            return;
        }
    }
}

async fn from(address: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let ip = IpAddr::V4(Ipv4Addr::from(address));
    socket.bind(SocketAddr::new(ip, 0)).unwrap();
    socket.connect(to).await.unwrap()
}

async fn is_closed(stream: &mut TcpStream) -> bool {
    is_closed_within(Duration::from_millis(200), stream).await
}

async fn is_closed_within(max: Duration, stream: &mut TcpStream) -> bool {
    let mut byte = [0; 1];
    let read = timeout(max, stream.read(&mut byte)).await;
    matches!(read, Ok(Ok(0) | Err(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twelve_hundred_held_on_each_port_of_a_daemon_hinder_nobody() {
    let _alone = CROWD.lock().await;
    let dir = TempDir::new().unwrap();
    let (at, admin) = (free_address(), free_address());
    let values = [
        ("DATA_DIR", dir.path().to_str().unwrap()),
        ("HTTP_LISTEN_ADDRESS", &at.to_string()),
        ("PROMETHEUS_LISTEN_ADDRESS", &admin.to_string()),
    ];
    let config = Config::with_values(COMMON, &values).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let sidecar = sidecar(vec![]);
    let daemon = run(config.clone(), vec![], Some(sidecar), async {
        drop(stopped.await)
    });
    let daemon = tokio::spawn(daemon);
    until("the daemon serves", async || {
        http(admin, "GET /readyz", &[], "").await
    })
    .await;
    let key = format!(
        "x-api-key: {}",
        key_from(&config).unwrap().unwrap().expose()
    );
    let (on_bridge, on_admin) = (hold(at, 1_200), hold(admin, 1_200));
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    while began.elapsed() < Duration::from_secs(13) {
        for (to, line, status) in [
            (at, "GET /health", 200),
            (at, "HEAD /health", 200),
            (at, "GET /v1/nothing", 404),
            (admin, "GET /readyz", 200),
            (admin, "GET /metrics", 200),
            (admin, "HEAD /healthz/", 200),
        ] {
            let asked = Instant::now();
            let answer = http(to, line, &[&key], "").await;
            assert_eq!(answer.map(|it| it.status), Some(status), "{line}");
            slowest = slowest.max(asked.elapsed());
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert!(slowest < ANSWERED, "{slowest:?}");
    let text = http(admin, "GET /metrics", &[], "").await.unwrap().body;
    for listener in ["bridge", "admin"] {
        let name = format!(
            "tandem_connections_refused_total{{listener=\"{listener}\",reason=\"slow_head\"}} "
        );
        let count = text.lines().find_map(|line| line.strip_prefix(&name));
        assert!(count.unwrap().parse::<u64>().unwrap() >= 100, "{count:?}");
    }
    drop((on_bridge, on_admin));
    stop.send(()).unwrap();
    daemon.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_held_than_there_are_seats_hinder_nobody_elsewhere() {
    let _alone = CROWD.lock().await;
    let world = few_with(few(128, 96)).await;
    let held = hold(world.at, 400);
    until("the seats are taken", async || {
        (refused(&world.metrics, "address") > 100).then_some(())
    })
    .await;
    let request = format!(
        "GET /v1/notes HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\nconnection: close\r\n\r\n"
    );
    for _ in 0..20 {
        let asked = Instant::now();
        // Whoever shares the crowd's address waits among it; all others have seats of their own.
        let mut stream = from([127, 0, 0, 2], world.at).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(read(stream).await.status, 200);
        assert!(asked.elapsed() < ANSWERED, "{:?}", asked.elapsed());
    }
    drop(held);
}

#[tokio::test]
async fn who_waited_longest_goes_first_and_of_the_address_that_has_most() {
    let world = few_with(few(6, 5)).await;
    let mut other = from([127, 0, 0, 2], world.at).await;
    let mut held = Vec::new();
    for _ in 0..5 {
        held.push(from([127, 0, 0, 1], world.at).await);
        sleep(Duration::from_millis(30)).await;
    }
    // All are taken: one of the five is closed to have a seat for whoever comes.
    assert!(is_closed_within(ANSWERED, &mut held[0]).await);
    held.push(from([127, 0, 0, 1], world.at).await);
    assert!(is_closed_within(ANSWERED, &mut held[1]).await);
    assert!(!is_closed(&mut held[5]).await);
    assert!(
        !is_closed(&mut other).await,
        "it was first, and its address has only one"
    );
    assert!(refused(&world.metrics, "full") >= 2);
}

#[tokio::test]
async fn an_address_has_its_share_and_pays_for_more_itself() {
    let world = few_with(few(64, 3)).await;
    let mut other = from([127, 0, 0, 2], world.at).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(from([127, 0, 0, 1], world.at).await);
        sleep(Duration::from_millis(30)).await;
    }
    assert!(is_closed_within(ANSWERED, &mut held[0]).await);
    assert!(!is_closed(&mut held[3]).await);
    assert!(!is_closed(&mut other).await);
    assert_eq!(refused(&world.metrics, "address"), 1);
}

#[tokio::test]
async fn a_request_under_way_is_never_cut_off_for_another() {
    let world = few_with(few(2, 2)).await;
    let at = world.at;
    let slow = || tokio::spawn(async move { call(at, "GET /v1/notes/slow", &[], "").await.status });
    let (first, second) = (slow(), slow());
    sleep(Duration::from_millis(100)).await;
    let third = call(at, "GET /v1/notes", &[], "").await;
    assert_eq!(third.status, 200, "it waits for a seat");
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (200, 200));
    let world = few_with(few(4, 1)).await;
    let at = world.at;
    let first = tokio::spawn(async move { call(at, "GET /v1/notes/slow", &[], "").await.status });
    sleep(Duration::from_millis(100)).await;
    let refusal = read(TcpStream::connect(at).await.unwrap()).await;
    assert_eq!(
        (refusal.status, refusal.header("retry-after")),
        (503, Some("1"))
    );
    assert_eq!(first.await.unwrap(), 200);
}

#[tokio::test]
async fn times_are_shorter_the_fewer_seats_are_left() {
    let options = Options {
        head_max: Duration::from_secs(8),
        ..few(10, 10)
    };
    let world = few_with(options).await;
    let mut held = Vec::new();
    for _ in 0..9 {
        held.push(TcpStream::connect(world.at).await.unwrap());
    }
    let began = Instant::now();
    let mut rest = Vec::new();
    let _ = held[0].read_to_end(&mut rest).await;
    let waited = began.elapsed();
    assert!(waited > Duration::from_millis(1_000), "{waited:?}");
    assert!(waited < Duration::from_secs(5), "{waited:?}");
    until("it is counted", async || {
        (refused(&world.metrics, "slow_head") > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_head_has_one_time_in_all_and_between_requests_is_another() {
    let options = Options {
        head_max: Duration::from_millis(600),
        idle_max: Duration::from_millis(1_500),
        ..few(10, 10)
    };
    let world = few_with(options).await;
    let began = Instant::now();
    let mut dripping = TcpStream::connect(world.at).await.unwrap();
    while dripping.write_all(b"G").await.is_ok() && began.elapsed() < LONG {
        sleep(Duration::from_millis(50)).await;
    }
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(refused(&world.metrics, "slow_head"), 1);
    let mut idle = TcpStream::connect(world.at).await.unwrap();
    let request = format!("GET /v1/notes HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\n\r\n");
    for _ in 0..2 {
        idle.write_all(request.as_bytes()).await.unwrap();
        let mut bytes = [0; 4_096];
        assert!(idle.read(&mut bytes).await.unwrap() > 0);
        sleep(Duration::from_millis(900)).await;
    }
    let mut rest = Vec::new();
    assert_eq!(idle.read_to_end(&mut rest).await.unwrap(), 0);
    assert_eq!(
        refused(&world.metrics, "slow_head"),
        1,
        "that is how connections end"
    );
}

#[tokio::test]
async fn a_body_that_drips_is_408() {
    let options = Options {
        upload: Upload {
            span: Duration::from_millis(300),
            bytes_min: 100,
        },
        ..few(10, 10)
    };
    let world = few_with(options).await;
    for (line, form) in [
        ("POST /v1/notes", ""),
        ("POST /v1/notes/bulk", ""),
        ("POST /v1/dids/bulk", ""),
        (
            "POST /v1/dids/bulk",
            "content-type: multipart/form-data; boundary=x\r\n",
        ),
    ] {
        let head = format!(
            "{line} HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\nconnection: close\r\n\
             content-length: 1000\r\n{form}\r\n["
        );
        let answer = raw(world.at, &head).await;
        assert_eq!(
            (answer.status, answer.reason()),
            (408, "UPLOAD_TOO_SLOW".to_owned()),
            "{line}"
        );
    }
}

#[tokio::test]
async fn who_never_reads_is_closed() {
    let options = Options {
        stall_max: Duration::from_millis(600),
        ..few(10, 10)
    };
    let world = few_with(options).await;
    let body = format!("\"{}\"", "x".repeat(500_000));
    let request = format!(
        "POST /v1/notes HTTP/1.1\r\nhost: b\r\nx-api-key: {KEY}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(world.at).await.unwrap();
    for _ in 0..100 {
        if stream.write_all(request.as_bytes()).await.is_err() {
            break;
        }
    }
    assert_eq!(refused(&world.metrics, "slow_reader"), 1);
}

/// Opens so many sockets.
async fn sockets(world: &World, count: usize) -> Vec<Client> {
    let mut all = Vec::new();
    for _ in 0..count {
        all.push(Client::connect(world, KEY).await);
    }
    all
}

/// Every socket is answered.
async fn are_alive(sockets: &mut [Client]) {
    for socket in sockets {
        assert_eq!(socket.ask(json!({"op": "ping"})).await["op"], "pong");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sockets_count_towards_an_address_s_share_and_none_is_closed_for_another() {
    let world = few_with(few(64, 6)).await;
    let mut other = from([127, 0, 0, 2], world.at).await;
    let mut held = sockets(&world, 6).await;
    for _ in 0..6 {
        let more = Client::try_connect(&world, &[("x-api-key", KEY)]).await;
        assert!(more.is_err(), "the address has its share");
    }
    are_alive(&mut held).await;
    assert!(
        !is_closed(&mut other).await,
        "nobody else pays for that address"
    );
    assert_eq!(refused(&world.metrics, "address"), 6);
    let open = || {
        world
            .metrics
            .connections
            .with_label_values(&["bridge"])
            .get()
    };
    assert_eq!(open(), 7);

    held.pop();
    until("its place is free", async || (open() == 6).then_some(())).await;
    held.extend(sockets(&world, 1).await);
    are_alive(&mut held).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_all_seats_are_sockets_a_new_connection_is_refused_at_once() {
    let world = few_with(few(4, 5)).await;
    let mut held = sockets(&world, 3).await;
    // Whoever takes the last seat and is slow to ask may be closed for the next one; then it comes again.
    let mut last = loop {
        match Client::try_connect(&world, &[("x-api-key", KEY)]).await {
            Ok(last) => break last,
            Err(_) => sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!(last.next().await["op"], "hello");
    held.push(last);
    let before = refused(&world.metrics, "full");
    for address in [1, 2] {
        let refusal = read(from([127, 0, 0, address], world.at).await).await;
        assert_eq!(
            (refusal.status, refusal.header("retry-after")),
            (503, Some("1"))
        );
    }
    are_alive(&mut held).await;
    assert_eq!(refused(&world.metrics, "full"), before + 2);
}
