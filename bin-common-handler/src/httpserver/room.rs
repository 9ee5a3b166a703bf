//! Who is connected: counted in all and for each address, and what each connection waits for.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, interval, timeout},
};
use tracing::warn;

use super::{
    options::Options,
    seat::{AGE_MIN, Seat, WAIT_MIN},
};
use crate::{loglimit::LogLimit, metrics::Metrics};

/// Between two warnings.
const WARN_EVERY: Duration = Duration::from_secs(10);
/// Connections that were closed for their own slowness since the last warning, and are worth one.
const SLOW_MANY: u64 = 100;

/// Why a connection was not accepted, or closed from our side before it was through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reason {
    /// All were taken, and it had waited longest.
    Full,
    /// Its address had its share.
    Address,
    /// It did not send a whole head in time.
    SlowHead,
    /// It took nothing of its answer.
    SlowReader,
    /// The system had none to give.
    Descriptors,
}

/// Every reason, in the order of its figures.
const REASONS: [(Reason, &str); 5] = [
    (Reason::Full, "full"),
    (Reason::Address, "address"),
    (Reason::SlowHead, "slow_head"),
    (Reason::SlowReader, "slow_reader"),
    (Reason::Descriptors, "descriptors"),
];

/// The connections of one port.
pub(super) struct Room {
    options: Options,
    metrics: Metrics,
    seats: Mutex<Seats>,
    freed: Notify,
    /// Since the last warning, in the order of [`REASONS`].
    unsaid: [AtomicU64; REASONS.len()],
}

#[derive(Default)]
struct Seats {
    last_id: u64,
    taken: HashMap<u64, Arc<Seat>>,
    by_address: HashMap<IpAddr, usize>,
}

/// A seat that is given back when this is dropped.
pub(super) struct Taken {
    room: Arc<Room>,
    seat: Arc<Seat>,
}

impl Room {
    pub(super) fn new(options: Options, metrics: Metrics) -> Self {
        for (_, reason) in REASONS {
            let labels = [options.name, reason];
            metrics.connections_refused.with_label_values(&labels);
        }
        metrics.connections.with_label_values(&[options.name]);
        Self {
            options,
            metrics,
            seats: Mutex::default(),
            freed: Notify::new(),
            unsaid: Default::default(),
        }
    }

    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// Waits until one more may be accepted, and closes who has waited longest for that. How many were closed.
    /// Where all are sockets, none is closed or waited for: whoever comes then is to be refused.
    pub(super) async fn make_room(&self) -> u32 {
        loop {
            {
                let mut seats = self.seats();
                if seats.taken.len() < self.options.connections_max {
                    return 0;
                }
                if seats.are_kept() {
                    return 0;
                }
                let (most, now) = (seats.most_of(), Instant::now());
                let count = (self.options.connections_max / 64).max(1);
                let mut closed = seats.close_oldest(most, count, now);
                if closed == 0 {
                    closed = seats.close_oldest(None, count, now);
                }
                if closed > 0 {
                    drop(seats);
                    self.count(Reason::Full, closed);
                    return u32::try_from(closed).unwrap_or(u32::MAX);
                }
            }
            // Nobody waits, or nobody has waited long enough.
            let _ = timeout(AGE_MIN, self.freed.notified()).await;
        }
    }

    /// A seat for a connection from `address`, and how many of that address were closed for it; an error when its
    /// share is taken by sockets and requests under way, or everything by sockets.
    pub(super) fn seat(self: &Arc<Self>, address: IpAddr) -> Result<(Taken, u32), ()> {
        let address = network(address);
        let mut closed = 0;
        let mut seats = self.seats();
        if seats.taken.len() >= self.options.connections_max {
            self.count(Reason::Full, 1);
            return Err(());
        }
        if seats.of(address) >= self.options.per_address_max {
            let count = self.options.per_address_max / 64;
            closed = seats.close_oldest(Some(address), count.max(1), Instant::now());
            self.count(Reason::Address, closed.max(1));
            if closed == 0 {
                return Err(());
            }
        }
        seats.last_id += 1;
        let seat = Arc::new(Seat::new(seats.last_id, self.options.name, address));
        seats.taken.insert(seat.id, Arc::clone(&seat));
        *seats.by_address.entry(address).or_default() += 1;
        self.show(&seats);
        let room = Arc::clone(self);
        Ok((
            Taken { room, seat },
            u32::try_from(closed).unwrap_or(u32::MAX),
        ))
    }

    /// Counts connections that were refused or closed.
    pub(super) fn count(&self, reason: Reason, connections: usize) {
        let connections = connections as u64;
        for ((one, name), unsaid) in REASONS.iter().zip(&self.unsaid) {
            if *one == reason {
                unsaid.fetch_add(connections, Ordering::Relaxed);
                let labels = [self.options.name, name];
                let counter = self.metrics.connections_refused.with_label_values(&labels);
                counter.inc_by(connections);
            }
        }
    }

    /// Closes who takes too long, and says so, for ever.
    pub(super) async fn watch(&self) {
        let shortest = self.options.head_max.min(self.options.stall_max);
        let mut ticks = interval((shortest / 8).clamp(Duration::from_millis(5), WAIT_MIN / 2));
        let log = LogLimit::new(WARN_EVERY);
        loop {
            ticks.tick().await;
            self.close_slow();
            self.warn(&log);
        }
    }

    fn close_slow(&self) {
        let mut seats = self.seats();
        let (now, taken) = (Instant::now(), seats.taken.len());
        let slow: Vec<_> = seats
            .taken
            .values()
            .filter_map(|seat| Some((seat.id, seat.state().slow(&self.options, taken, now)?)))
            .collect();
        for (id, reason) in slow {
            seats.close(id);
            if let Some(reason) = reason {
                self.count(reason, 1);
            }
        }
    }

    /// Says who was refused, where there is anything to say and the log may have it.
    fn warn(&self, log: &LogLimit) {
        let unsaid = || {
            let counts = self.unsaid.iter();
            REASONS
                .iter()
                .zip(counts.map(|it| it.load(Ordering::Relaxed)))
        };
        let is_slow = |reason| matches!(reason, Reason::SlowHead | Reason::SlowReader);
        let slow: u64 = unsaid()
            .filter(|((it, _), _)| is_slow(*it))
            .map(|(_, n)| n)
            .sum();
        let refused: u64 = unsaid()
            .filter(|((it, _), _)| !is_slow(*it))
            .map(|(_, n)| n)
            .sum();
        if (refused == 0 && slow < SLOW_MANY) || !log.admit() {
            return;
        }
        let why: Vec<_> = unsaid()
            .filter(|(_, count)| *count > 0)
            .map(|((_, name), count)| format!("{name} {count}"))
            .collect();
        self.unsaid
            .iter()
            .for_each(|it| it.store(0, Ordering::Relaxed));
        let (open, most) = {
            let seats = self.seats();
            (seats.taken.len(), seats.most())
        };
        warn!(
            listener = self.options.name,
            open,
            limit = self.options.connections_max,
            closed = why.join(", "),
            most_from = most.map(|(address, _)| address.to_string()),
            most = most.map(|(_, count)| count),
            "connections are held without requests, or too many are open; those that waited longest were closed, and new ones refused where none waited"
        );
    }

    fn show(&self, seats: &Seats) {
        let gauge = self
            .metrics
            .connections
            .with_label_values(&[self.options.name]);
        gauge.set(i64::try_from(seats.taken.len()).unwrap_or(i64::MAX));
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seats {
    fn of(&self, address: IpAddr) -> usize {
        self.by_address.get(&address).copied().unwrap_or(0)
    }

    /// The address with the most connections.
    fn most(&self) -> Option<(IpAddr, usize)> {
        let all = self
            .by_address
            .iter()
            .map(|(address, count)| (*address, *count));
        all.max_by_key(|(_, count)| *count)
    }

    fn most_of(&self) -> Option<IpAddr> {
        self.most().map(|(address, _)| address)
    }

    /// Whether all are sockets.
    fn are_kept(&self) -> bool {
        self.taken.values().all(|seat| seat.state().is_kept())
    }

    /// Closes up to `count` connections that wait, the oldest first: those of `address`; of anybody where none is named.
    fn close_oldest(&mut self, address: Option<IpAddr>, count: usize, now: Instant) -> usize {
        let mut waiting: Vec<_> = self
            .taken
            .values()
            .filter(|seat| address.is_none_or(|address| seat.address == address))
            .filter_map(|seat| Some((seat.state().waits_since(now)?, seat.id)))
            .collect();
        waiting.sort_unstable();
        waiting.truncate(count);
        for (_, id) in &waiting {
            self.close(*id);
        }
        waiting.len()
    }

    fn close(&mut self, id: u64) {
        if let Some(seat) = self.leave(id) {
            seat.close();
        }
    }

    fn leave(&mut self, id: u64) -> Option<Arc<Seat>> {
        let seat = self.taken.remove(&id)?;
        if let Some(count) = self.by_address.get_mut(&seat.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.by_address.remove(&seat.address);
            }
        }
        Some(seat)
    }
}

/// Who has one address of the sixth version has all of its network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

impl Taken {
    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut seats = self.room.seats();
        seats.leave(self.seat.id);
        self.room.show(&seats);
        self.room.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("127.0.0.1", "127.0.0.1")]
    #[case("::ffff:10.0.0.1", "10.0.0.1")]
    #[case("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::")]
    #[case("::1", "::")]
    fn an_address_is_its_network(#[case] address: &str, #[case] expected: &str) {
        let network = network(address.parse().unwrap());
        assert_eq!(network, expected.parse::<IpAddr>().unwrap());
    }
}
