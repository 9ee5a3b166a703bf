//! Choosing the buyer, as pure logic: no I/O, no clock, no SQL. Memory suggests, SQL decides.
//!
//! 1. [`index::Index::within`] suggests profiles that may take the call, from what this process knows at the version
//!    that the transaction reads; [`reach::Reach`] says how many, and whether they were enough.
//! 2. The caller opens its transaction, locks the call, the campaign and the accounts in the order of their ids,
//!    and reads from the locked rows the [`Call`], the [`Terms`], each [`Buyer`] and the campaign's [`Counters`].
//! 3. [`decide`] checks every rule again on these facts, ranks, and prices the winner. It changes `counters` and
//!    nothing else; the caller stores them with the campaign, in the same transaction as the hold. For the next
//!    call of the same transaction it tells the winner's [`Buyer::note_win`] first.
//! 4. After an attempt that failed the caller decides anew, with the buyer among [`Call::tried`].
//!
//! Whatever was looked at, winner, price and turns are those of a look at all; `NO_BIDS_AVAILABLE` is said after one.
//!
//! What holds of every decision:
//! - The ranking is a total order: the strategy's key, effective bid (the larger first), priority, earliest, id.
//!   The order of the candidates decides nothing, nor does the presence of one that is ranked lower.
//! - A higher bid never lowers a rank (but for `least_cost`, whose purpose that is), a higher fraud risk never
//!   raises one, as long as both pass the rules: a bid beyond the buyer's funds is excluded.
//! - A second price is never below the reserve, never above the winner's amount, and what it is worth is never
//!   below any rival's bid when the winner has the highest effective bid.
//! - Nobody pays more than it bids, whatever a fixed price is.
//! - Rules about money (ceiling, budget, funds) hold for the bid itself, not for the lower price that may come of
//!   it: who is a rival never hangs on what the price turns out to be.
//! - After a win that is noted, no cap, no budget and no credit limit is overrun.
//! - Amounts are whole minor units. Probabilities and distances are the only floating-point numbers here.

pub mod auction;
pub mod buyer;
pub mod call;
pub mod counters;
pub mod criteria;
pub mod decide;
pub mod exclusion;
pub mod explain;
pub mod index;
#[cfg(any(test, feature = "test-support"))]
pub mod measure;
pub mod moment;
pub mod period;
pub mod place;
mod price;
pub mod profile;
pub mod quality;
mod rank;
pub mod reach;
#[cfg(any(test, feature = "test-support"))]
mod samples;
mod sentence;
pub mod tags;
pub mod terms;
#[cfg(test)]
mod tests;
pub mod zips;

pub use buyer::Buyer;
pub use call::Call;
pub use counters::Counters;
pub use decide::{Decision, decide};
pub use profile::{Bid, Candidate, Profile};
pub use reach::Reach;
pub use terms::Terms;
