//! Server transactions of RFC 3261, 17.2, as far as a redirect server has them. Pure: no socket, no clock.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

use super::message::{Request, Status};

/// Transactions at a time.
const TRANSACTIONS_MAX: usize = 10_000;
/// First pause before a response is sent again, and the longest (timer G).
const T1: Duration = Duration::from_millis(500);
const T2: Duration = Duration::from_secs(4);
/// How long an ACK is waited for (timer H), and further ones are swallowed (timer I).
const ACK_MAX: Duration = Duration::from_secs(32);
const T4: Duration = Duration::from_secs(5);
/// How long a decision may take.
const DECISION_MAX: Duration = Duration::from_secs(30);
/// What is served.
const ALLOW: &str = "INVITE, ACK, CANCEL, OPTIONS";

/// Whom a message came from, and by which way an answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Peer {
    Udp(SocketAddr),
    /// With the number of its connection.
    Tcp(SocketAddr, u64),
    /// Over a WebSocket of the bridge, with its id; the port is not known.
    Socket(SocketAddr, Uuid),
}

impl Peer {
    pub(super) fn address(self) -> SocketAddr {
        match self {
            Self::Udp(address) | Self::Tcp(address, _) | Self::Socket(address, _) => address,
        }
    }
}

/// What makes messages one transaction. Its sender belongs to it: nobody ends another's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    branch: String,
    sent_by: String,
    peer: Peer,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Bytes go to a peer; over UDP to this address.
    Send(Peer, SocketAddr, Vec<u8>),
    /// Where does this call go?
    Decide(Key, Box<Request>),
}

enum State {
    Deciding {
        until: Instant,
    },
    /// Answered; an ACK is waited for.
    Final {
        next: Instant,
        pause: Duration,
        until: Instant,
    },
    Confirmed {
        until: Instant,
    },
}

struct Transaction {
    request: Box<Request>,
    state: State,
    /// The last response.
    last: Vec<u8>,
}

/// All transactions.
#[derive(Default)]
pub(super) struct Transactions(HashMap<Key, Transaction>);

impl Key {
    fn of(request: &Request, peer: Peer) -> Self {
        Self {
            branch: request.branch.clone(),
            sent_by: request.sent_by.to_ascii_lowercase(),
            peer,
        }
    }
}

impl Transactions {
    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the request belongs to a transaction that is there: it was allowed before.
    pub(super) fn knows(&self, request: &Request, peer: Peer) -> bool {
        self.0.contains_key(&Key::of(request, peer))
    }

    /// Takes a request that may be served. `tag` is ours for it.
    pub(super) fn receive(
        &mut self,
        request: Box<Request>,
        peer: Peer,
        tag: &str,
        now: Instant,
    ) -> Vec<Action> {
        let key = Key::of(&request, peer);
        match request.method.as_str() {
            // Of a dialog, which a redirect never begins (RFC 3261, 12.2.2).
            "INVITE" if request.has_to_tag => {
                vec![reply(&request, peer, Status::NO_TRANSACTION, tag, &[])]
            }
            "INVITE" => self.invite(key, request, peer, tag, now),
            "ACK" => {
                self.acknowledge(&key, now);
                Vec::new()
            }
            "CANCEL" => self.cancel(&key, &request, peer, tag, now),
            "OPTIONS" => vec![reply(&request, peer, Status::OK, tag, &allowed())],
            "BYE" => vec![reply(&request, peer, Status::NO_TRANSACTION, tag, &[])],
            _ => vec![reply(&request, peer, Status::NOT_ALLOWED, tag, &allowed())],
        }
    }

    fn invite(
        &mut self,
        key: Key,
        request: Box<Request>,
        peer: Peer,
        tag: &str,
        now: Instant,
    ) -> Vec<Action> {
        if let Some(found) = self.0.get(&key) {
            return match found.state {
                State::Confirmed { .. } => Vec::new(),
                _ => vec![send(peer, &found.request, found.last.clone())],
            };
        }
        if self.0.len() >= TRANSACTIONS_MAX {
            let later = [("Retry-After", "1".to_owned())];
            return vec![reply(&request, peer, Status::BUSY, tag, &later)];
        }
        let last = request.response(peer.address(), Status::TRYING, tag, &[]);
        let trying = send(peer, &request, last.clone());
        let decide = Action::Decide(key.clone(), request.clone());
        let until = now + DECISION_MAX;
        self.0.insert(
            key,
            Transaction {
                request,
                state: State::Deciding { until },
                last,
            },
        );
        vec![trying, decide]
    }

    fn acknowledge(&mut self, key: &Key, now: Instant) {
        let Some(found) = self.0.get_mut(key) else {
            return;
        };
        if let State::Final { .. } = found.state {
            let wait = match key.peer {
                Peer::Udp(_) => T4,
                Peer::Tcp(..) | Peer::Socket(..) => Duration::ZERO,
            };
            found.state = State::Confirmed { until: now + wait };
        }
    }

    fn cancel(
        &mut self,
        key: &Key,
        request: &Request,
        peer: Peer,
        tag: &str,
        now: Instant,
    ) -> Vec<Action> {
        let Some(found) = self.0.get_mut(key) else {
            return vec![reply(request, peer, Status::NO_TRANSACTION, tag, &[])];
        };
        let mut actions = vec![reply(request, peer, Status::OK, tag, &[])];
        if let State::Deciding { .. } = found.state {
            actions.push(found.finish(peer, Status::TERMINATED, tag, &[], now));
        }
        actions
    }

    /// A decision is there. Nothing where nobody waits for it any more.
    pub(super) fn decided(
        &mut self,
        key: &Key,
        status: Status,
        tag: &str,
        more: &[(&str, String)],
        now: Instant,
    ) -> Option<Action> {
        let found = self.0.get_mut(key)?;
        match found.state {
            State::Deciding { .. } => Some(found.finish(key.peer, status, tag, more, now)),
            _ => None,
        }
    }

    /// What is due: responses that were not acknowledged, and ends.
    pub(super) fn tick(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        self.0.retain(|key, found| {
            match &mut found.state {
                State::Deciding { until } | State::Confirmed { until } => return now < *until,
                State::Final { until, .. } if now >= *until => return false,
                State::Final { next, pause, .. } => {
                    if matches!(key.peer, Peer::Udp(_)) && now >= *next {
                        *pause = (*pause * 2).min(T2);
                        *next = now + *pause;
                        actions.push(send(key.peer, &found.request, found.last.clone()));
                    }
                }
            }
            true
        });
        actions
    }
}

impl Transaction {
    fn finish(
        &mut self,
        peer: Peer,
        status: Status,
        tag: &str,
        more: &[(&str, String)],
        now: Instant,
    ) -> Action {
        self.last = self.request.response(peer.address(), status, tag, more);
        self.state = State::Final {
            next: now + T1,
            pause: T1,
            until: now + ACK_MAX,
        };
        send(peer, &self.request, self.last.clone())
    }
}

fn allowed() -> [(&'static str, String); 1] {
    [("Allow", ALLOW.to_owned())]
}

fn send(peer: Peer, request: &Request, bytes: Vec<u8>) -> Action {
    Action::Send(peer, request.reply_to(peer.address()), bytes)
}

/// An answer outside of any transaction.
pub(super) fn reply(
    request: &Request,
    peer: Peer,
    status: Status,
    tag: &str,
    more: &[(&str, String)],
) -> Action {
    let bytes = request.response(peer.address(), status, tag, more);
    send(peer, request, bytes)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::siphandler::message::tests::{INVITE, read};

    const PEER: Peer = Peer::Udp(SocketAddr::new(
        std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
        5_070,
    ));

    fn request(method: &str) -> Box<Request> {
        let text = INVITE
            .replacen("INVITE sip", &format!("{method} sip"), 1)
            .replace("1 INVITE", &format!("1 {method}"));
        Box::new(read(&text))
    }

    fn codes(actions: &[Action]) -> Vec<u16> {
        actions
            .iter()
            .filter_map(|action| match action {
                Action::Send(_, _, bytes) => {
                    let text = String::from_utf8_lossy(bytes);
                    text.split(' ').nth(1).and_then(|code| code.parse().ok())
                }
                Action::Decide(..) => None,
            })
            .collect()
    }

    struct Scene {
        all: Transactions,
        now: Instant,
        key: Key,
    }

    impl Scene {
        fn new() -> Self {
            let (mut all, now) = (Transactions::default(), Instant::now());
            let actions = all.receive(request("INVITE"), PEER, "t", now);
            assert_eq!(codes(&actions), [100]);
            let Some(Action::Decide(key, _)) = actions.last() else {
                panic!("nothing is decided");
            };
            let key = key.clone();
            Self { all, now, key }
        }

        fn receive(&mut self, method: &str) -> Vec<u16> {
            codes(&self.all.receive(request(method), PEER, "t", self.now))
        }

        fn decide(&mut self) -> Option<Vec<u16>> {
            let decided = self
                .all
                .decided(&self.key, Status::MOVED, "t", &[], self.now);
            decided.map(|action| codes(&[action]))
        }

        fn after(&mut self, ms: u64) -> Vec<u16> {
            self.now += Duration::from_millis(ms);
            codes(&self.all.tick(self.now))
        }
    }

    #[test]
    fn an_invite_again_has_the_same_answer_and_no_second_decision() {
        let mut scene = Scene::new();
        assert_eq!(scene.receive("INVITE"), [100]);
        assert_eq!(scene.decide(), Some(vec![302]));
        assert_eq!(scene.receive("INVITE"), [302]);
        assert_eq!(scene.all.len(), 1);
    }

    #[test]
    fn an_answer_is_sent_again_until_it_is_acknowledged() {
        let mut scene = Scene::new();
        scene.decide();
        let mut sent = 0;
        for _ in 0..70 {
            sent += scene.after(500).len();
        }
        // After 0.5, 1.5, 3.5, 7.5, 11.5 … 31.5 s.
        assert_eq!((sent, scene.all.len()), (10, 0));

        let mut scene = Scene::new();
        scene.decide();
        assert_eq!(scene.after(500), [302]);
        assert_eq!(scene.receive("ACK"), [] as [u16; 0]);
        assert_eq!(scene.after(4_000), [] as [u16; 0]);
        assert_eq!(
            scene.receive("INVITE"),
            [] as [u16; 0],
            "a late one is swallowed"
        );
        scene.after(2_000);
        assert_eq!(scene.all.len(), 0);
    }

    #[test]
    fn a_cancel_ends_what_is_not_decided() {
        let mut scene = Scene::new();
        assert_eq!(scene.receive("CANCEL"), [200, 487]);
        assert_eq!(scene.decide(), None, "nobody waits for it");
        assert_eq!(scene.receive("CANCEL"), [200]);
        scene.receive("ACK");
        scene.after(6_000);
        assert_eq!(scene.receive("CANCEL"), [481]);
    }

    #[test]
    fn a_cancel_after_the_answer_changes_nothing() {
        let mut scene = Scene::new();
        scene.decide();
        assert_eq!(scene.receive("CANCEL"), [200]);
        assert_eq!(scene.receive("INVITE"), [302]);
    }

    #[test]
    fn another_sender_ends_nothing() {
        let mut scene = Scene::new();
        let other = Peer::Udp(SocketAddr::from(([127, 0, 0, 2], 5_070)));
        let actions = scene.all.receive(request("CANCEL"), other, "t", scene.now);
        assert_eq!(codes(&actions), [481]);
        assert_eq!(scene.decide(), Some(vec![302]));
    }

    #[rstest]
    #[case("OPTIONS", 200)]
    #[case("BYE", 481)]
    #[case("REGISTER", 405)]
    fn other_requests_have_one_answer(#[case] method: &str, #[case] code: u16) {
        let mut all = Transactions::default();
        let actions = all.receive(request(method), PEER, "t", Instant::now());
        assert_eq!((codes(&actions), all.len()), (vec![code], 0));
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut all = Transactions::default();
        let now = Instant::now();
        for at in 0..=TRANSACTIONS_MAX {
            let mut one = request("INVITE");
            one.branch = format!("z9hG4bK{at}");
            let actions = all.receive(one, PEER, "t", now);
            let expected = if at < TRANSACTIONS_MAX { 100 } else { 503 };
            assert_eq!(codes(&actions), [expected]);
        }
        assert_eq!(all.len(), TRANSACTIONS_MAX);
    }
}
