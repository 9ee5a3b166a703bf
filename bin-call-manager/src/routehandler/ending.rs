//! How a buyer's turn ends: its hold is released or captured, and the call goes on to the next buyer or ends.

use std::time::Duration;

use bin_common_handler::{
    databasehandler::ChangeTx,
    models::error::{Error, Result},
};
use uuid::Uuid;

use super::{campaign, choose, timers, winning};
use crate::{
    compliancehandler::sale,
    dbhandler::{frauds, pings},
    ledgerhandler::{self, Reference},
    models::{
        account::{Account, CapCounts},
        auction::Auction,
        bid::{self, Bid, BidStatus},
        call::{self, Attempt, Call, Outcome},
        callstatus::CallStatus,
        ledgerentry::ReferenceType,
        ping::{Ping, PingStatus},
        posting,
        prices::Prices,
        quality::Quality,
        usage::zone,
    },
    standing::Standing,
};

/// Whether the buyer's money is still set aside for this call.
pub(crate) fn is_held(call: &Call) -> bool {
    call.bid_id.is_some() && call.converted.is_none()
}

/// The bid that has a call.
async fn current_bid(tx: &mut ChangeTx<'_>, call: &Call) -> Result<Bid> {
    let id = call.bid_id.unwrap_or_default();
    let found = tx.get::<Bid>(id).await?;
    found.ok_or_else(|| Error::internal("the call's bid is gone"))
}

async fn lock_account(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<Account> {
    let found = tx.lock::<Account>(id).await?;
    found.ok_or_else(|| Error::internal("an account of the call is gone"))
}

const fn reference(bid: &Bid) -> Reference {
    Reference {
        kind: ReferenceType::Bid,
        id: bid.id,
    }
}

/// Why a buyer did not take a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missed {
    /// It was busy.
    Busy,
    /// It did not answer.
    NoAnswer,
    /// Its leg failed: it counts as no answer, and its buyer as less reliable.
    Failed,
    /// Its endpoint said no when it was told that it had won: its buyer is less reliable.
    Refused,
}

impl Missed {
    const fn outcome(self) -> Outcome {
        match self {
            Self::Busy => Outcome::Busy,
            Self::NoAnswer | Self::Failed => Outcome::NoAnswer,
            Self::Refused => Outcome::Refused,
        }
    }

    /// What it says of a buyer.
    fn note(self, quality: &mut Quality) {
        if self != Self::Refused {
            quality.note_answer(false);
        }
        if matches!(self, Self::Failed | Self::Refused) {
            quality.note_reliability(false);
        }
    }
}

/// The buyer did not take the call: its hold goes, and the next one has its turn. Only when nobody is left does the
/// call end, as `missed` says. The caller has locked the call and announces it afterwards with [`announce`].
///
/// # Errors
/// 503.
pub(crate) async fn next_buyer(
    tx: &mut ChangeTx<'_>,
    standing: &Standing,
    call: &mut Call,
    missed: Missed,
) -> Result<()> {
    let outcome = missed.outcome();
    // The person before accounts, as whoever chooses for a call locks them; the choice below has it then.
    frauds::lock_person(tx, call).await?;
    let bid = current_bid(tx, call).await?;
    let mut account = lock_account(tx, bid.buyer_id).await?;
    account.used.0.end();
    missed.note(&mut account.quality.0);
    release(tx, call, &bid, &mut account).await?;
    lose(tx, bid.clone()).await?;
    call.attempts.0.push(Attempt {
        buyer_id: bid.buyer_id,
        bid_id: bid.id,
        outcome,
        tm: tx.now(),
    });
    clear_buyer(call);
    let mut campaign = match campaign(tx, call).await {
        Ok(campaign) => campaign,
        Err(error) if is_of_call(&error) => {
            return exhausted(tx, call, outcome, "NO_BIDS_AVAILABLE").await;
        }
        // A database that is away ends no call.
        Err(error) => return Err(error),
    };
    if let Some(id) = call.auction_id
        && let Some(auction) = tx.get::<Auction>(id).await?
    {
        auction.put_terms(&mut campaign);
    }
    if let Some(id) = call.ping_id
        && let Some(ping) = tx.get::<Ping>(id).await?
    {
        Prices::put(ping.prices, &mut campaign);
    }
    if let Some(rule) = sale::rule_against(tx, &standing.dnc, call, &campaign).await? {
        return exhausted(tx, call, outcome, &rule).await;
    }
    let tried = i64::try_from(call.attempts.0.len()).unwrap_or(i64::MAX);
    let reason = if tried >= campaign.max_attempts {
        "MAX_ATTEMPTS"
    } else {
        "NO_BIDS_AVAILABLE"
    };
    let chosen = Box::pin(choose::choose(tx, standing, call, &campaign)).await?;
    let found = chosen.won.is_some();
    Box::pin(winning::settle(tx, call, &campaign, chosen)).await?;
    if found {
        if call.ping_id.is_some() {
            timers::tell_bidder(tx, call, Duration::ZERO).await?;
        }
        return Ok(());
    }
    exhausted(tx, call, outcome, reason).await
}

/// Whether it is said of the call, e.g. that its campaign is gone; else we are at fault, and it may be told again.
fn is_of_call(error: &Error) -> bool {
    error.status().code() < 500
}

fn clear_buyer(call: &mut Call) {
    call.buyer_id = None;
    call.bid_id = None;
    call.price = None;
    call.payout = None;
    call.destination = String::new();
}

async fn exhausted(
    tx: &mut ChangeTx<'_>,
    call: &mut Call,
    outcome: Outcome,
    reason: &str,
) -> Result<()> {
    call.status = match outcome {
        Outcome::Busy => CallStatus::Busy,
        _ => CallStatus::NoAnswer,
    };
    reason.clone_into(&mut call.reason);
    call.tm_end = Some(tx.now());
    timers::cancel_all(tx, call).await
}

/// The call ends in `status` while its buyer has it, or nobody has: what is held goes back.
///
/// # Errors
/// 503.
pub(crate) async fn end(tx: &mut ChangeTx<'_>, call: &mut Call, status: CallStatus) -> Result<()> {
    let was_open = call.bid_id.is_some() && !call.status.is_final();
    call.status = status;
    call.tm_end = Some(tx.now());
    timers::cancel_all(tx, call).await?;
    if !was_open {
        return sale::ended(tx, call).await;
    }
    let bid = current_bid(tx, call).await?;
    let mut account = lock_account(tx, bid.buyer_id).await?;
    account.used.0.end();
    if !is_held(call) {
        return save_account(tx, &mut account).await;
    }
    release(tx, call, &bid, &mut account).await?;
    call.converted = Some(false);
    Ok(())
}

/// The buyer and the seller of a call, in the order of their ids, as everybody locks accounts. Whoever needs both takes both
/// before it takes one of them.
///
/// # Errors
/// 503.
pub(crate) async fn lock_parties(tx: &mut ChangeTx<'_>, call: &Call) -> Result<(Account, Account)> {
    let (buyer_id, seller_id) = (current_bid(tx, call).await?.buyer_id, call.seller_id);
    if buyer_id < seller_id {
        let buyer = lock_account(tx, buyer_id).await?;
        return Ok((buyer, lock_account(tx, seller_id).await?));
    }
    let seller = lock_account(tx, seller_id).await?;
    Ok((lock_account(tx, buyer_id).await?, seller))
}

/// The call ended well. What it is worth is decided now, or waits for somebody to tell.
///
/// # Errors
/// 503.
pub(crate) async fn complete(tx: &mut ChangeTx<'_>, call: &mut Call) -> Result<()> {
    let bid = current_bid(tx, call).await?;
    let mut account = lock_account(tx, bid.buyer_id).await?;
    account.used.0.end();
    save_account(tx, &mut account).await?;
    call.status = CallStatus::Completed;
    call.tm_end = Some(tx.now());
    timers::cancel_all(tx, call).await
}

/// The call is worth its price: the buyer pays, the seller gets its part.
///
/// # Errors
/// 503.
pub(crate) async fn capture(tx: &mut ChangeTx<'_>, call: &mut Call) -> Result<()> {
    let bid = current_bid(tx, call).await?;
    let (price, payout) = (
        call.price.unwrap_or_default(),
        call.payout.unwrap_or_default(),
    );
    let (mut buyer, mut seller) = lock_parties(tx, call).await?;
    let postings = posting::capture(bid.price, price, payout);
    ledgerhandler::post(
        tx,
        reference(&bid),
        &postings,
        &mut buyer,
        Some(&mut seller),
    )
    .await?;
    let (now, zone) = (tx.now(), zone(&buyer.timezone));
    buyer.used.0.capture(price, now, zone);
    // It counts at the latest now, whatever its account counted meanwhile.
    if !bid.is_counted(buyer.cap_counts, call.tm_answer.is_some()) {
        buyer.used.0.count(now, zone);
    }
    buyer.quality.0.note_conversion(true);
    ledgerhandler::save(tx, &mut buyer).await?;
    if payout != 0 {
        ledgerhandler::save(tx, &mut seller).await?;
    }
    call.converted = Some(true);
    timers::cancel_all(tx, call).await
}

/// The call is not worth its price: what was set aside is free again.
///
/// # Errors
/// 503.
pub(crate) async fn forgo(tx: &mut ChangeTx<'_>, call: &mut Call) -> Result<()> {
    let bid = current_bid(tx, call).await?;
    let mut account = lock_account(tx, bid.buyer_id).await?;
    account.quality.0.note_conversion(false);
    release(tx, call, &bid, &mut account).await?;
    call.converted = Some(false);
    timers::cancel_all(tx, call).await
}

/// The buyer answered: where connects count towards caps, this is one.
///
/// # Errors
/// 503.
pub(crate) async fn answered(tx: &mut ChangeTx<'_>, call: &Call) -> Result<()> {
    let mut bid = current_bid(tx, call).await?;
    let mut account = lock_account(tx, bid.buyer_id).await?;
    let (now, zone) = (tx.now(), zone(&account.timezone));
    let counts = account.cap_counts;
    if counts != CapCounts::Conversion && !bid.is_counted(counts, false) {
        account.used.0.count(now, zone);
        bid.counted = Some(true);
        bid.tm_update = tx.next_version(bid.tm_update);
        tx.update(&bid).await?;
    }
    account.quality.0.note_answer(true);
    account.quality.0.note_reliability(true);
    save_account(tx, &mut account).await
}

async fn release(
    tx: &mut ChangeTx<'_>,
    call: &Call,
    bid: &Bid,
    account: &mut Account,
) -> Result<()> {
    let (counts, is_answered) = (account.cap_counts, call.tm_answer.is_some());
    let (now, zone) = (tx.now(), zone(&account.timezone));
    let (has_come, is_counted) = (
        has_come(tx, call).await?,
        bid.is_counted(counts, is_answered),
    );
    let used = &mut account.used.0;
    match (is_counted, has_come) {
        (true, true) => {}
        (true, false) => used.uncount(bid.tm_won.unwrap_or(now), now, zone),
        (false, true) if counts.has(is_answered) => used.count(now, zone),
        (false, _) => used.forget(),
    }
    let postings = posting::release(bid.price);
    ledgerhandler::post(tx, reference(bid), &postings, account, None).await?;
    ledgerhandler::save(tx, account).await
}

/// Whether the call is there. That of a ping is waited for, and one that never comes was no attempt: whoever pings chooses the
/// number, and nobody has called.
async fn has_come(tx: &mut ChangeTx<'_>, call: &Call) -> Result<bool> {
    let Some(id) = call.ping_id else {
        return Ok(true);
    };
    let found = tx.get::<Ping>(id).await?;
    Ok(found.is_none_or(|ping| ping.status != PingStatus::Reserved))
}

/// Writes a locked account whose money did not move.
async fn save_account(tx: &mut ChangeTx<'_>, account: &mut Account) -> Result<()> {
    account.tm_update = tx.next_version(account.tm_update);
    tx.update(account).await
}

async fn lose(tx: &mut ChangeTx<'_>, mut bid: Bid) -> Result<()> {
    bid.status = BidStatus::Lost;
    bid.tm_update = tx.next_version(bid.tm_update);
    tx.update(&bid).await?;
    tx.emit(bid::LOST, &bid, bid.customer_id).await
}

/// Writes a locked call and says what became of it.
///
/// # Errors
/// 503.
pub(crate) async fn announce(
    tx: &mut ChangeTx<'_>,
    call: &mut Call,
    was: CallStatus,
) -> Result<()> {
    call.tm_update = tx.next_version(call.tm_update);
    tx.update(call).await?;
    if call.status.is_final()
        && let Some(id) = call.ping_id
    {
        end_ping(tx, id).await?;
    }
    let kind = match (was.is_final(), call.status.is_final()) {
        (false, true) => call::COMPLETED,
        _ => call::UPDATED,
    };
    tx.emit(kind, call, call.customer_id).await
}

/// Its call is over before it came: the ping reserves nothing any more, and its caller may be offered again.
async fn end_ping(tx: &mut ChangeTx<'_>, id: Uuid) -> Result<()> {
    let found = tx.lock::<Ping>(id).await?;
    let Some(mut ping) = found.filter(|ping| ping.status == PingStatus::Reserved) else {
        return Ok(());
    };
    ping.status = PingStatus::Expired;
    ping.tm_update = tx.next_version(ping.tm_update);
    pings::release(tx, &ping).await?;
    tx.update(&ping).await
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use rstest::rstest;

    use super::*;
    use crate::callhandler::invalid_state;

    #[rstest]
    #[case::gone(invalid_state(&Call::default(), "The campaign of the call is gone."), true)]
    #[case::away(sqlx::Error::Io(ErrorKind::ConnectionReset.into()).into(), false)]
    #[case::full(sqlx::Error::PoolTimedOut.into(), false)]
    #[case::fault(Error::internal("a bug"), false)]
    fn only_what_is_said_of_the_call_ends_it(#[case] error: Error, #[case] ends: bool) {
        assert_eq!(is_of_call(&error), ends);
    }
}
