//! The sockets, and one loop that owns everything.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use bin_common_handler::{
    clock::Clock,
    config::Setting,
    daemon::{ManagerContext, Sockets, StartError},
    models::text::hex,
};
use futures_util::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream::FuturesUnordered,
};
use rand::Rng;
use sha2::{Digest, Sha256};
use tokio::{
    net::{TcpListener, TcpStream, UdpSocket},
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    access::{Access, Verdict},
    connection::{Heard, serve},
    deciding::{Decided, decide, give_up},
    message::{MESSAGE_MAX, Message, Request, Status, parse},
    rate::{RATE, Rates},
    transaction::{Action, Key, Peer, Transactions, reply},
};
use crate::app::App;

/// Where it listens.
pub(crate) const LISTEN: Setting<Option<SocketAddr>> = Setting::listen_address(
    "SIP_LISTEN_ADDRESS",
    "",
    "Address of the SIP redirect server, over UDP and TCP; empty = none",
    "127.0.0.1:5060",
);
/// How often timers are looked at.
const TICK: Duration = Duration::from_millis(100);
/// TCP connections at a time, and of one address.
const CONNECTIONS_MAX: usize = 256;
const CONNECTIONS_OF_ADDRESS_MAX: usize = 32;
/// Messages of all connections that wait, and answers of one.
const HEARD_MAX: usize = 256;
const ANSWERS_MAX: usize = 64;
/// Calls that are decided or given up at a time; each has a database connection for a while.
const DECISIONS_MAX: usize = 256;

/// Starts the job on its sockets.
///
/// # Errors
/// Names the setting that is wrong.
pub(super) fn start(
    ctx: &ManagerContext,
    app: &App,
    (udp, tcp): Sockets,
) -> Result<(), StartError> {
    let other = |fault: std::io::Error| StartError::Other(format!("{}: {fault}", LISTEN.name()));
    let address = udp.local_addr().map_err(other)?;
    let (udp, tcp) = (
        UdpSocket::from_std(udp).map_err(other)?,
        TcpListener::from_std(tcp).map_err(other)?,
    );
    let mut key = [0; 32];
    rand::rng().fill_bytes(&mut key);
    let counter = ctx
        .metrics
        .counter(
            "sip_requests_total",
            "SIP requests, by what became of them",
            &["result"],
        )
        .map_err(|fault| StartError::Other(fault.to_string()))?;
    let (heard, hears) = mpsc::channel(HEARD_MAX);
    let server = Server {
        app: app.clone(),
        clock: ctx.clock.clone(),
        access: Access::new(&ctx.config, key)?,
        rates: Rates::new(ctx.config.get(&RATE)),
        transactions: Transactions::default(),
        decisions: FuturesUnordered::new(),
        given_up: FuturesUnordered::new(),
        connections: HashMap::new(),
        serving: FuturesUnordered::new(),
        next_connection: 0,
        heard,
        count: Box::new(move |result| counter.with_label_values(&[result]).inc()),
        key,
        udp,
    };
    info!(%address, "SIP redirect server listens");
    ctx.tasks.spawn("sip", |stop| server.run(tcp, hears, stop));
    Ok(())
}

/// Ours for a request: the same when it is sent again, and not to be guessed.
pub(super) fn tag(key: &[u8; 32], request: &Request) -> String {
    let mut digest = Sha256::new();
    digest.update(key);
    digest.update(request.branch.as_bytes());
    digest.update(request.call_id.as_bytes());
    let mut tag = hex(&digest.finalize());
    tag.truncate(16);
    tag
}

struct Connection {
    peer: SocketAddr,
    answers: mpsc::Sender<Vec<u8>>,
}

struct Server {
    app: App,
    clock: Clock,
    access: Access,
    rates: Rates,
    transactions: Transactions,
    decisions: FuturesUnordered<BoxFuture<'static, (Key, String, Decided)>>,
    /// Calls whose callers went away, while they end and their holds go back.
    given_up: FuturesUnordered<BoxFuture<'static, ()>>,
    connections: HashMap<u64, Connection>,
    serving: FuturesUnordered<BoxFuture<'static, u64>>,
    next_connection: u64,
    heard: mpsc::Sender<Heard>,
    count: Box<dyn Fn(&str) + Send>,
    key: [u8; 32],
    udp: UdpSocket,
}

impl Server {
    async fn run(
        mut self,
        tcp: TcpListener,
        mut hears: mpsc::Receiver<Heard>,
        stop: CancellationToken,
    ) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut datagram = vec![0; MESSAGE_MAX + 1];
        loop {
            let may_connect = self.connections.len() < CONNECTIONS_MAX;
            tokio::select! {
                () = stop.cancelled() => break,
                Ok((length, peer)) = self.udp.recv_from(&mut datagram) => {
                    self.hear(datagram.get(..length).unwrap_or_default(), peer);
                }
                Some(heard) = hears.recv() => {
                    let peer = Peer::Tcp(heard.peer, heard.connection);
                    self.take(heard.request, peer);
                }
                Ok((stream, peer)) = tcp.accept(), if may_connect => self.connect(stream, peer),
                Some(number) = self.serving.next() => {
                    self.connections.remove(&number);
                }
                Some((key, tag, decided)) = self.decisions.next() => {
                    self.finish(&key, &tag, decided);
                }
                Some(()) = self.given_up.next() => {}
                _ = ticks.tick() => {
                    let due = self.transactions.tick(Instant::now());
                    self.act(due, "");
                }
            }
        }
        // What is being decided takes holds: it is not cut off.
        loop {
            tokio::select! {
                Some((key, tag, decided)) = self.decisions.next() => {
                    self.finish(&key, &tag, decided);
                }
                Some(()) = self.given_up.next() => {}
                else => break,
            }
        }
    }

    fn hear(&mut self, bytes: &[u8], peer: SocketAddr) {
        if bytes
            .iter()
            .all(|byte| byte.is_ascii_whitespace() || *byte == 0)
        {
            // A keep-alive.
            return;
        }
        match parse(bytes, false) {
            Ok((Message::Request(request), _)) => self.take(Some(request), Peer::Udp(peer)),
            Ok((Message::Response, _)) => (self.count)("response"),
            Err(_) => self.take(None, Peer::Udp(peer)),
        }
    }

    /// A request, or something that is none.
    fn take(&mut self, request: Option<Box<Request>>, peer: Peer) {
        let Some(request) = request else {
            (self.count)("malformed");
            return;
        };
        let now = Instant::now();
        let tag = tag(&self.key, &request);
        let is_known = self.transactions.knows(&request, peer);
        // Acknowledgements are never answered.
        if !is_known && request.method == "ACK" {
            return;
        }
        if !is_known && !self.rates.admit(peer.address().ip(), now) {
            (self.count)("rate_limited");
            return;
        }
        if !is_known && request.method == "INVITE" {
            match self.access.check(&request, peer, self.clock.now()) {
                Verdict::Allowed if self.decisions.len() + self.given_up.len() >= DECISIONS_MAX => {
                    (self.count)("busy");
                    let later = [("Retry-After", "1".to_owned())];
                    let busy = reply(&request, peer, Status::BUSY, &tag, &later);
                    return self.act(vec![busy], &tag);
                }
                Verdict::Allowed => {}
                Verdict::Challenged(challenges) => {
                    (self.count)("challenged");
                    let asked = reply(&request, peer, Status::UNAUTHORIZED, &tag, &challenges);
                    return self.act(vec![asked], &tag);
                }
                Verdict::Forbidden => {
                    (self.count)("forbidden");
                    let forbidden = reply(&request, peer, Status::FORBIDDEN, &tag, &[]);
                    return self.act(vec![forbidden], &tag);
                }
            }
        }
        (self.count)("served");
        let actions = self.transactions.receive(request, peer, &tag, now);
        self.act(actions, &tag);
    }

    fn act(&mut self, actions: Vec<Action>, tag: &str) {
        for action in actions {
            match action {
                Action::Send(Peer::Udp(_), address, bytes) => {
                    // What does not fit now is sent again by its timer.
                    let _ = self.udp.try_send_to(&bytes, address);
                }
                Action::Send(Peer::Tcp(_, number), _, bytes) => {
                    if let Some(connection) = self.connections.get(&number) {
                        let _ = connection.answers.try_send(bytes);
                    }
                }
                // Those are answered where their frames came in.
                Action::Send(Peer::Socket(..), ..) => {}
                Action::Decide(key, request) => {
                    let (app, tag) = (self.app.clone(), tag.to_owned());
                    let decision = async move {
                        let decided = decide(&app, &request).await;
                        (key, tag, decided)
                    };
                    self.decisions.push(decision.boxed());
                }
            }
        }
    }

    fn finish(&mut self, key: &Key, tag: &str, decided: Decided) {
        let now = Instant::now();
        let Decided {
            status,
            headers,
            own,
        } = decided;
        match self.transactions.decided(key, status, tag, &headers, now) {
            Some(action) => self.act(vec![action], tag),
            None => {
                (self.count)("given_up");
                if let Some(own) = own {
                    // Beside the decisions: they hold what it waits for.
                    self.given_up.push(give_up(self.app.clone(), own).boxed());
                }
            }
        }
    }

    fn connect(&mut self, stream: TcpStream, peer: SocketAddr) {
        let same = |connection: &&Connection| connection.peer.ip() == peer.ip();
        if self.connections.values().filter(same).count() >= CONNECTIONS_OF_ADDRESS_MAX {
            (self.count)("too_many_connections");
            return;
        }
        self.next_connection += 1;
        let number = self.next_connection;
        let (answers, wanted) = mpsc::channel(ANSWERS_MAX);
        self.connections
            .insert(number, Connection { peer, answers });
        let served = serve(stream, peer, number, self.heard.clone(), wanted);
        self.serving.push(served.boxed());
    }
}
