//! Connections that say nothing, or little, and are opened again as soon as they are closed.

use std::{net::SocketAddr, time::Duration};

use rand::RngExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::{
    fault::{Fault, fault},
    round::Round,
    world::{LOOK_MAX, REPLICAS},
};

/// Connections to one port.
const HELD: usize = 1_200;
/// Longer than a head may take: each is closed at least once.
const HOLD: Duration = Duration::from_secs(14);
/// The same in a night.
const LONG_HOLD: Duration = Duration::from_secs(120);

pub const FAULTS: &[Fault] = &[fault(
    "connections-held",
    "1,200 silent or slow connections to a replica's port: health and metrics answer, and it is said and counted",
    |round| Box::pin(held(round)),
)];

async fn held(round: &mut Round<'_>) {
    let position = round.chance.random_range(0..REPLICAS);
    let at = SocketAddr::from(([127, 0, 0, 1], round.world.did().daemon(position).port()));
    let refused = "tandem_connections_refused_total";
    let before = round
        .world
        .did()
        .daemon(position)
        .figure(refused, "admin")
        .await;
    let mut held = JoinSet::new();
    for number in 0..HELD {
        held.spawn(hold(at, number % 2 == 0));
    }
    let until = Instant::now() + if round.is_long { LONG_HOLD } else { HOLD };
    while Instant::now() < until {
        for path in ["/readyz", "/healthz"] {
            let asked = Instant::now();
            let report = round.world.did().daemon(position).report(path).await;
            let status = report.map(|(status, _)| status);
            round.promise(
                status == Some(200) && asked.elapsed() < LOOK_MAX,
                format!("{path}: {status:?} after {:?}", asked.elapsed()),
            );
        }
        sleep(Duration::from_millis(200)).await;
    }
    let daemon = round.world.did().daemon(position);
    let (after, log) = (daemon.figure(refused, "admin").await, daemon.log());
    round.promise(
        after - before >= 1_000.0,
        format!("{before} and then {after} were counted"),
    );
    round.promise(log.contains("connections are held"), "nothing was said");
    held.shutdown().await;
    round.heal();
    round.goes_on().await;
}

/// Holds a connection, and another when that is closed, for ever.
async fn hold(at: SocketAddr, is_silent: bool) {
    loop {
        let Ok(mut stream) = TcpStream::connect(at).await else {
            sleep(Duration::from_millis(10)).await;
            continue;
        };
        if !is_silent {
            let _ = stream
                .write_all(b"GET /metrics HTTP/1.1\r\nhost: a\r\n")
                .await;
        }
        let _ = stream.read(&mut [0; 1]).await;
    }
}
