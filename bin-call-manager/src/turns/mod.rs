//! Whose turn it is to sell calls of a campaign, within one process. Nothing is decided by it: it only keeps requests
//! that would wait for the same rows from doing so in the database, where each would hold a connection.
//!
//! Turns come in the order of arrival. Work that is rolled back by a conflict is run again in the turn that it has, so
//! nobody who came later overtakes it. Whoever cannot have a turn while its caller still waits hears so before that, and
//! leaves the queue: otherwise callers that come again would stand behind their own earlier requests, for ever longer.
//! Who comes again soon has the place that it had: at its end it would be overtaken by all who came meanwhile, and where
//! the queue is longer than a caller's patience, each time by the same.

mod line;

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    models::error::{Error, Result, Status},
};
use moka::sync::Cache;
use rand::RngExt;
use serde_json::json;
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{Instant, sleep, timeout_at},
};
use uuid::Uuid;

use line::{Line, Seat};

/// Campaigns share so many turns, and so do pings; two that share one only wait for each other.
const TURNS: usize = 1_024;
/// Calls of one campaign that are sold at the same time by one process: while one commits, the next is looked up. All of
/// them lock the turns of the campaign, or the account of whoever bids most; more would only wait, each with a connection.
const SOLD_AT_ONCE: usize = 2;
/// How long it is waited for where no caller says.
const WAIT_MAX: Duration = Duration::from_secs(3);
/// Of the caller's time so much is left for the answer to reach it, at most, and at most this part.
const MARGIN_MAX: Duration = Duration::from_millis(300);
const MARGIN_PART: u32 = 4;
/// The longest pause before work is run again.
const PAUSE_MAX: Duration = Duration::from_millis(100);
/// Between two looks whether another process is done.
const PAUSE_MIN: Duration = Duration::from_millis(25);

/// How long a place is kept for who was sent away, and for how many.
const PLACE_KEPT: Duration = Duration::from_secs(60);
const PLACES_MAX: u64 = 20_000;

/// The turns of one process.
pub(crate) struct Turns {
    pings: Vec<Mutex<()>>,
    campaigns: Vec<Line>,
    /// Since when whoever was sent away has waited.
    asked: Cache<Uuid, Instant>,
}

/// A turn to sell a call; it ends when this is dropped.
pub(crate) struct Turn<'a> {
    _seat: Option<Seat<'a>>,
    /// Whether others came first, who may have changed what was looked up before.
    pub has_waited: bool,
    until: Instant,
    /// Nothing where there is no line.
    place: Option<Place<'a>>,
}

/// Who waits in a line, and since when.
struct Place<'a> {
    turns: &'a Turns,
    who: Uuid,
    asked: Instant,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self {
            pings: (0..TURNS).map(|_| Mutex::default()).collect(),
            campaigns: (0..TURNS).map(|_| Line::new(SOLD_AT_ONCE)).collect(),
            asked: Cache::builder()
                .max_capacity(PLACES_MAX)
                .time_to_live(PLACE_KEPT)
                .build(),
        }
    }

    /// The turn to answer or accept this ping.
    ///
    /// # Errors
    /// 503 `TOO_BUSY` shortly before the caller waits no more.
    pub(crate) async fn of_ping(
        &self,
        ctx: &RequestContext,
        id: Uuid,
    ) -> Result<Option<MutexGuard<'_, ()>>> {
        let Some(turn) = self.pings.get(line_of(id)) else {
            return Ok(None);
        };
        let got = timeout_at(until(ctx), turn.lock()).await;
        got.map(Some).map_err(|_| busy())
    }

    /// A turn to sell `who`, a call of this campaign or what will be one.
    ///
    /// # Errors
    /// 503 `TOO_BUSY` shortly before the caller waits no more.
    pub(crate) async fn of_campaign(
        &self,
        ctx: &RequestContext,
        id: Uuid,
        who: Uuid,
    ) -> Result<Turn<'_>> {
        let asked = self.asked.remove(&who).unwrap_or_else(Instant::now);
        let turn = Turn {
            _seat: None,
            has_waited: false,
            until: until(ctx),
            place: Some(Place {
                turns: self,
                who,
                asked,
            }),
        };
        let Some(line) = self.campaigns.get(line_of(id)) else {
            return Ok(turn);
        };
        if let Some(seat) = line.try_take() {
            return Ok(Turn {
                _seat: Some(seat),
                ..turn
            });
        }
        let Ok(seat) = timeout_at(turn.until, line.take(asked)).await else {
            turn.keep_place();
            return Err(busy());
        };
        Ok(Turn {
            _seat: Some(seat),
            has_waited: true,
            ..turn
        })
    }
}

/// No turn, for work that waits only for the rows of one call and its accounts: it is run again like the others'.
pub(crate) fn without(ctx: &RequestContext) -> Turn<'static> {
    Turn {
        _seat: None,
        has_waited: false,
        until: until(ctx),
        place: None,
    }
}

impl Turn<'_> {
    /// Who is sent away without an outcome comes again.
    fn keep_place(&self) {
        if let Some(place) = &self.place {
            place.turns.asked.insert(place.who, place.asked);
        }
    }

    /// After work that failed: waits a moment where it may be run again, in this very turn.
    ///
    /// # Errors
    /// What it failed with, where running it again is of no use, or nobody waits for that.
    pub(crate) async fn again(&self, error: Error) -> Result<()> {
        if !error.is_retriable() {
            return Err(error);
        }
        let pause = PAUSE_MAX.mul_f64(rand::rng().random::<f64>());
        if Instant::now() + pause >= self.until {
            self.keep_place();
            return Err(error);
        }
        sleep(pause).await;
        Ok(())
    }
}

/// Waits a moment for another process that does the same, `began` at which the waiting did.
///
/// # Errors
/// 503 `TOO_BUSY` shortly before the caller waits no more.
pub(crate) async fn pause(ctx: &RequestContext, began: Instant) -> Result<()> {
    let is_over = began.elapsed() >= WAIT_MAX && ctx.deadline.is_none();
    if is_over || Instant::now() + PAUSE_MIN >= until(ctx) {
        return Err(busy());
    }
    sleep(PAUSE_MIN).await;
    Ok(())
}

/// Until when a turn is of use to whoever asks.
fn until(ctx: &RequestContext) -> Instant {
    let now = Instant::now();
    let deadline = ctx.deadline.unwrap_or(now + WAIT_MAX);
    let left = deadline.saturating_duration_since(now);
    now + left.saturating_sub(MARGIN_MAX.min(left / MARGIN_PART))
}

fn busy() -> Error {
    let message = "Too many calls of this campaign are being sold; come again in a second.";
    Error::new(Status::Unavailable, "TOO_BUSY", message).with_detail(json!({"retry_after_s": 1}))
}

/// The last bits of an id are drawn.
fn line_of(id: Uuid) -> usize {
    usize::try_from(id.as_u128() % (TURNS as u128)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::{
        io::ErrorKind,
        pin::pin,
        sync::{
            Mutex as Log,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use futures_util::{FutureExt, StreamExt, poll, stream::FuturesUnordered};

    use super::*;

    const CAMPAIGN: Uuid = Uuid::from_u128(7);
    const CALL: Uuid = Uuid::from_u128(1);

    fn within(seconds: u64) -> RequestContext {
        RequestContext {
            deadline: Some(Instant::now() + Duration::from_secs(seconds)),
            ..RequestContext::internal()
        }
    }

    fn conflict() -> Error {
        sqlx::Error::Io(ErrorKind::ConnectionReset.into()).into()
    }

    #[tokio::test(start_paused = true)]
    async fn turns_come_in_the_order_of_arrival_though_work_is_run_again() {
        let (turns, began) = (&Turns::new(), &Log::new(Vec::new()));
        let at_work = &AtomicUsize::new(0);
        // Each meets conflicts, the first ones most.
        let mut all: FuturesUnordered<_> = (0..8_u32)
            .map(|number| async move {
                let turn = turns
                    .of_campaign(&within(60), CAMPAIGN, CALL)
                    .await
                    .unwrap();
                began.lock().unwrap().push(number);
                assert!(at_work.fetch_add(1, Ordering::Relaxed) < SOLD_AT_ONCE);
                for _ in number..8 {
                    turn.again(conflict()).await.unwrap();
                }
                at_work.fetch_sub(1, Ordering::Relaxed);
            })
            .collect();
        while all.next().await.is_some() {}
        assert_eq!(*began.lock().unwrap(), (0..8).collect::<Vec<_>>());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_cannot_have_a_turn_in_time_hears_so_before_and_leaves_the_queue() {
        let turns = Turns::new();
        let long = within(60);
        let first = turns.of_campaign(&long, CAMPAIGN, CALL).await.unwrap();
        let second = turns.of_campaign(&long, CAMPAIGN, CALL).await.unwrap();
        assert!(!first.has_waited && !second.has_waited);
        let began = Instant::now();
        let refused = turns
            .of_campaign(&within(2), CAMPAIGN, CALL)
            .await
            .err()
            .unwrap();
        assert_eq!(
            (refused.status().code(), refused.reason()),
            (503, "TOO_BUSY")
        );
        let said = refused.to_response("call-manager");
        assert!(
            said.body().contains(r#""retry_after_s":1"#),
            "{}",
            said.body()
        );
        assert!(began.elapsed() < Duration::from_secs(2));
        // The one after it is next.
        let mut third = pin!(turns.of_campaign(&long, CAMPAIGN, CALL));
        assert!(poll!(third.as_mut()).is_pending());
        drop(first);
        assert!(third.now_or_never().unwrap().unwrap().has_waited);
    }

    /// It would find those before it again that came while it waited the last time, as often as it comes.
    #[tokio::test(start_paused = true)]
    async fn whoever_was_sent_away_and_comes_again_has_the_place_that_it_had() {
        let turns = Turns::new();
        let long = within(60);
        let held = [
            turns.of_campaign(&long, CAMPAIGN, CALL).await.unwrap(),
            turns.of_campaign(&long, CAMPAIGN, CALL).await.unwrap(),
        ];
        let patient = Uuid::from_u128(2);
        let short = within(2);
        let asked = turns.of_campaign(&short, CAMPAIGN, patient);
        let mut later = pin!(turns.of_campaign(&long, CAMPAIGN, Uuid::from_u128(3)));
        let (sent_away, _) = tokio::join!(asked, async { poll!(later.as_mut()).is_pending() });
        assert_eq!(sent_away.err().unwrap().reason(), "TOO_BUSY");
        let mut again = pin!(turns.of_campaign(&long, CAMPAIGN, patient));
        assert!(poll!(again.as_mut()).is_pending());
        drop(held);
        let mut turn = again.now_or_never().unwrap().unwrap();
        // So has it where its work was not done in time …
        turn.until = Instant::now();
        assert!(turn.again(conflict()).await.is_err());
        assert!(turns.asked.contains_key(&patient));
        // … and not once it had its turn.
        drop(turn);
        drop(turns.of_campaign(&long, CAMPAIGN, patient).await.unwrap());
        assert!(!turns.asked.contains_key(&patient));
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_run_again_as_long_as_somebody_waits_and_only_where_it_was_rolled_back() {
        let turns = Turns::new();
        let turn = turns.of_campaign(&within(2), CAMPAIGN, CALL).await.unwrap();
        let refusal = Error::failed_precondition("NO_BIDS_AVAILABLE", "Nobody.");
        let said = turn.again(refusal).await.unwrap_err();
        assert_eq!(said.reason(), "NO_BIDS_AVAILABLE");
        let began = Instant::now();
        while turn.again(conflict()).await.is_ok() {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert!(began.elapsed() < Duration::from_secs(2));
        assert!(began.elapsed() > Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_ping_waits_for_the_same_ping_and_no_longer_than_its_caller() {
        let turns = Turns::new();
        let held = turns.of_ping(&within(60), CAMPAIGN).await.unwrap();
        let refused = turns.of_ping(&within(1), CAMPAIGN).await.unwrap_err();
        assert_eq!(refused.reason(), "TOO_BUSY");
        let other = Uuid::from_u128(8);
        assert!(
            turns
                .of_ping(&within(1), other)
                .now_or_never()
                .unwrap()
                .is_ok()
        );
        drop(held);
        assert!(turns.of_ping(&within(1), CAMPAIGN).await.is_ok());
    }
}
