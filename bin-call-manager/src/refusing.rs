//! Buyers whose endpoints bid and then refuse the call when they are told that they won. After some refusals in a row such
//! a buyer is not asked for a while: its bid would only keep the call from those who take it. All processes know it.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::Store,
    models::{error::Result, time::Timestamp},
};
use uuid::Uuid;

use crate::dbhandler::refusals::{self, Refusals};

/// Refusals in a row until a buyer rests.
const REFUSALS_MAX: i32 = 3;
/// The first rest; each refusal right after one doubles it, so many times.
const REST: Duration = Duration::from_secs(60);
const DOUBLINGS_MAX: u32 = 4;
/// So long after its last refusal, or its rest, a buyer begins anew.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3_600);

/// A buyer was told that it won, and takes the call or not.
///
/// # Errors
/// 503.
pub(crate) async fn note(
    store: &Store,
    customer_id: Uuid,
    buyer_id: Uuid,
    is_taken: bool,
) -> Result<()> {
    if is_taken {
        return refusals::forget(&store.db, customer_id, buyer_id).await;
    }
    let ctx = RequestContext::internal();
    let mut tx = store.begin(&ctx).await?;
    let before = refusals::lock(&mut tx, customer_id, buyer_id).await?;
    let row = once_more(before, tx.now());
    refusals::save(&mut tx, customer_id, buyer_id, row).await?;
    tx.commit(()).await
}

/// One refusal more.
fn once_more(before: Option<Refusals>, now: Timestamp) -> Refusals {
    let before = before.filter(|row| row.expires > now);
    let in_a_row = before.map_or(0, |row| row.in_a_row).saturating_add(1);
    let rest = match u32::try_from(in_a_row - REFUSALS_MAX) {
        Ok(beyond) => REST * 2_u32.pow(beyond.min(DOUBLINGS_MAX)),
        Err(_) => Duration::ZERO,
    };
    let rests_until = now.plus(rest);
    Refusals {
        in_a_row,
        rests_until,
        expires: rests_until.plus(FORGOTTEN),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::default().plus(Duration::from_secs(seconds))
    }

    #[rstest]
    #[case::one(1, 0)]
    #[case::two(2, 0)]
    #[case::three(3, 60)]
    #[case::four(4, 120)]
    #[case::seven(7, 960)]
    #[case::hundred(100, 960)]
    fn who_refuses_again_and_again_rests_ever_longer(#[case] refusals: i32, #[case] rest: u64) {
        let mut row = None;
        for _ in 0..refusals {
            row = Some(once_more(row, at(0)));
        }
        let row = row.unwrap();
        assert_eq!((row.in_a_row, row.rests_until), (refusals, at(rest)));
    }

    #[rstest]
    #[case::in_a_row(86_399, 2)]
    #[case::anew(86_400, 1)]
    fn a_day_later_a_buyer_begins_anew(#[case] later: u64, #[case] in_a_row: i32) {
        let first = once_more(None, at(0));
        assert_eq!(once_more(Some(first), at(later)).in_a_row, in_a_row);
    }
}
