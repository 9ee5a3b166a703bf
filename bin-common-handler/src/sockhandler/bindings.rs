//! What a listener wants to hear that changes while it listens: keys on [`SOCKET_EXCHANGE`](super::SOCKET_EXCHANGE).
//!
//! Life cycle: a key is bound with its first holder and unbound after its last. The transport takes changes in rounds;
//! a holder is ready when the round that has its keys is over, so it misses nothing from then on. Invariant: when the
//! bus is lost nobody is ready until every key that is held then is bound again.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};
use uuid::Uuid;

/// Stands for whoever the customer is.
const ANY: &str = "*";
/// Stands for no customer.
const NONE: &str = "-";

/// `<customer-id>.<kind>`, e.g. `….conversation`: under which bridges hear an event; `-` where it has no customer.
pub fn socket_key(customer_id: Option<Uuid>, kind: &str) -> String {
    match customer_id {
        Some(id) => format!("{id}.{kind}"),
        None => format!("{NONE}.{kind}"),
    }
}

/// The key of events of a kind, whosever they are.
pub fn socket_key_of_all(kind: &str) -> String {
    format!("{ANY}.{kind}")
}

/// The keys that are held, and what was made of them.
#[derive(Debug, Default)]
pub struct Bindings {
    state: Mutex<State>,
    changed: Notify,
    /// The round that was bound last; 0 while nothing is.
    settled: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    held: HashMap<String, Key>,
    /// Keys that were held or let go since somebody looked.
    dirty: HashSet<String>,
    round: u64,
}

#[derive(Debug)]
struct Key {
    holders: usize,
    /// The round from which on it is bound.
    since: u64,
}

/// What has to be done for a round.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Keys to bind.
    pub bind: Vec<String>,
    /// Keys to unbind.
    pub unbind: Vec<String>,
    /// To be given to [`Bindings::settle`] when it is done.
    pub round: u64,
}

/// Keys that stay bound until this is dropped.
#[derive(Debug)]
pub struct Held {
    bindings: Arc<Bindings>,
    keys: Vec<String>,
    since: u64,
}

impl Bindings {
    /// Holds keys from now on; they are heard once [`Held::ready`] is over.
    pub fn hold(self: &Arc<Self>, keys: Vec<String>) -> Held {
        let mut state = self.state();
        let mut since = 0;
        for key in &keys {
            since = since.max(state.hold(key));
        }
        let is_changed = !state.dirty.is_empty();
        drop(state);
        if is_changed {
            self.changed.notify_one();
        }
        Held {
            bindings: Arc::clone(self),
            keys,
            since,
        }
    }

    /// Ends when keys were held or let go. For one listener only.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Everything is to be bound anew: the bus is another one, or nothing was bound yet.
    pub fn renew(&self) {
        self.settled.send_replace(0);
        let mut state = self.state();
        let State { held, dirty, .. } = &mut *state;
        dirty.clear();
        dirty.extend(held.keys().cloned());
    }

    /// The bus is lost: whoever comes waits until everything is bound again.
    pub fn lose(&self) {
        self.settled.send_replace(0);
    }

    /// What changed since the last look, for a listener that has bound these keys.
    pub fn changes(&self, bound: &HashSet<String>) -> Changes {
        let mut state = self.state();
        let mut changes = Changes {
            // Also where nobody holds anything: 0 is for nothing bound.
            round: state.round.max(1),
            ..Changes::default()
        };
        for key in std::mem::take(&mut state.dirty) {
            match (state.held.contains_key(&key), bound.contains(&key)) {
                (true, false) => changes.bind.push(key),
                (false, true) => changes.unbind.push(key),
                _ => {}
            }
        }
        changes
    }

    /// A round is bound.
    pub fn settle(&self, round: u64) {
        self.settled.send_replace(round);
    }

    /// Whether anybody here wants events of this kind of this customer.
    pub fn wants(&self, customer_id: Option<Uuid>, kind: &str) -> bool {
        let held = &self.state().held;
        !held.is_empty()
            && (held.contains_key(&socket_key(customer_id, kind))
                || held.contains_key(&socket_key_of_all(kind)))
    }

    fn let_go(&self, keys: &[String]) {
        let mut state = self.state();
        keys.iter().for_each(|key| state.let_go(key));
        let is_changed = !state.dirty.is_empty();
        drop(state);
        if is_changed {
            self.changed.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// One holder more; the round from which on the key is bound.
    fn hold(&mut self, key: &str) -> u64 {
        if let Some(known) = self.held.get_mut(key) {
            known.holders += 1;
            return known.since;
        }
        // The first round of all is the one of whoever finds nothing to bind.
        self.round = self.round.max(1) + 1;
        let known = Key {
            holders: 1,
            since: self.round,
        };
        self.held.insert(key.to_owned(), known);
        self.dirty.insert(key.to_owned());
        self.round
    }

    fn let_go(&mut self, key: &str) {
        let Some(known) = self.held.get_mut(key) else {
            return;
        };
        known.holders = known.holders.saturating_sub(1);
        if known.holders == 0 {
            self.held.remove(key);
            self.dirty.insert(key.to_owned());
        }
    }
}

impl Held {
    /// Whether everything that happens is heard.
    pub fn is_ready(&self) -> bool {
        *self.bindings.settled.borrow() >= self.since.max(1)
    }

    /// Ends when everything that happens from then on is heard.
    pub async fn ready(&self) {
        let mut settled = self.bindings.settled.subscribe();
        let since = self.since.max(1);
        // It cannot end otherwise, as the sender is held here.
        let _ = settled.wait_for(|round| *round >= since).await;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.bindings.let_go(&self.keys);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    fn keys(all: &[&str]) -> Vec<String> {
        all.iter().map(|key| (*key).to_owned()).collect()
    }

    /// A bus that binds and unbinds what it is told.
    fn bind(bindings: &Bindings, bound: &mut HashSet<String>) -> Changes {
        let changes = bindings.changes(bound);
        bound.extend(changes.bind.iter().cloned());
        changes.unbind.iter().for_each(|key| {
            bound.remove(key);
        });
        bindings.settle(changes.round);
        changes
    }

    #[test]
    fn a_key_is_bound_with_its_first_holder_and_unbound_after_its_last() {
        let (bindings, mut bound) = (Arc::new(Bindings::default()), HashSet::new());
        bindings.renew();
        assert_eq!(bind(&bindings, &mut bound).bind, keys(&[]));
        let first = bindings.hold(keys(&["a.call"]));
        assert!(first.ready().now_or_never().is_none(), "not bound yet");
        assert!(bindings.changed().now_or_never().is_some());
        assert_eq!(bind(&bindings, &mut bound).bind, keys(&["a.call"]));
        assert!(first.is_ready());
        let second = bindings.hold(keys(&["a.call"]));
        assert!(second.ready().now_or_never().is_some(), "bound already");
        drop(first);
        assert_eq!(bind(&bindings, &mut bound).unbind, keys(&[]));
        drop(second);
        assert!(bindings.changed().now_or_never().is_some());
        assert_eq!(bind(&bindings, &mut bound).unbind, keys(&["a.call"]));
    }

    #[test]
    fn when_the_bus_is_lost_everything_held_is_bound_again_before_anybody_is_ready() {
        let (bindings, mut bound) = (Arc::new(Bindings::default()), HashSet::new());
        let held = bindings.hold(keys(&["a.call", "a.bid"]));
        bindings.renew();
        bind(&bindings, &mut bound);
        assert!(held.is_ready());
        bindings.lose();
        let later = bindings.hold(keys(&["a.call"]));
        assert!(!held.is_ready() && !later.is_ready());
        bound.clear();
        bindings.renew();
        let mut again = bind(&bindings, &mut bound).bind;
        again.sort();
        assert_eq!(again, keys(&["a.bid", "a.call"]));
        assert!(held.is_ready() && later.is_ready());
    }

    #[test]
    fn a_listener_wants_what_is_held_of_one_customer_or_of_all() {
        let bindings = Arc::new(Bindings::default());
        let (own, foreign) = (Some(Uuid::from_u128(1)), Some(Uuid::from_u128(2)));
        let one = bindings.hold(vec![socket_key(own, "call")]);
        assert!(bindings.wants(own, "call"));
        assert!(!bindings.wants(foreign, "call") && !bindings.wants(own, "bid"));
        let all = bindings.hold(vec![socket_key_of_all("call")]);
        assert!(bindings.wants(foreign, "call") && bindings.wants(None, "call"));
        drop((one, all));
        assert!(!bindings.wants(own, "call"));
    }

    proptest! {
        /// Holders come and go between rounds in any order: whoever is ready is bound, and nothing is left bound.
        #[test]
        fn whoever_is_ready_is_bound(steps in prop::collection::vec((0_usize..4, 0_u8..3), 1..60)) {
            let (bindings, mut bound) = (Arc::new(Bindings::default()), HashSet::new());
            bindings.renew();
            let mut holders: Vec<Held> = Vec::new();
            for (key, what) in steps {
                match what {
                    0 => holders.push(bindings.hold(vec![format!("c{key}.k")])),
                    1 if !holders.is_empty() => drop(holders.remove(key % holders.len())),
                    _ => { bind(&bindings, &mut bound); }
                }
                for holder in holders.iter().filter(|holder| holder.is_ready()) {
                    prop_assert!(bound.contains(&holder.keys[0]));
                }
            }
            bind(&bindings, &mut bound);
            prop_assert!(holders.iter().all(Held::is_ready));
            holders.clear();
            bind(&bindings, &mut bound);
            prop_assert!(bound.is_empty());
        }
    }
}
