//! The posting rules: which entries a movement of money makes. Pure: every movement sums to zero.

use super::ledgerentry::EntryKind;

/// Whose side of a movement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The buyer of the call, or whoever pays in.
    Party,
    /// The seller of the call.
    Seller,
    /// The customer's own account.
    House,
}

/// One entry to be written, without its account's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posting {
    /// Whose.
    pub side: Side,
    /// What moves.
    pub kind: EntryKind,
    /// How much, in minor units.
    pub amount: i64,
}

/// A movement between `side` and the house.
fn pair(side: Side, kind: EntryKind, amount: i64) -> [Posting; 2] {
    let post = |side, amount| Posting { side, kind, amount };
    [post(side, amount), post(Side::House, -amount)]
}

/// Money comes in, or goes out when `amount` is negative.
pub fn deposit(amount: i64) -> Vec<Posting> {
    pair(Side::Party, EntryKind::Deposit, amount).to_vec()
}

/// `price` is set aside.
pub fn hold(price: i64) -> Vec<Posting> {
    pair(Side::Party, EntryKind::Hold, price).to_vec()
}

/// The whole of what was set aside is free again.
pub fn release(price: i64) -> Vec<Posting> {
    pair(Side::Party, EntryKind::Release, -price).to_vec()
}

/// Of what was set aside `price` is paid and the rest is free again; the seller gets `payout`.
pub fn capture(held: i64, price: i64, payout: i64) -> Vec<Posting> {
    let mut postings = pair(Side::Party, EntryKind::Capture, -price).to_vec();
    if held != price {
        postings.extend(pair(Side::Party, EntryKind::Release, price - held));
    }
    postings.extend(pair(Side::Seller, EntryKind::Payout, payout));
    postings
}

/// `amount` goes back to the buyer, and `reversed` of the payout to the house.
pub fn refund(amount: i64, reversed: i64) -> Vec<Posting> {
    let mut postings = pair(Side::Party, EntryKind::Refund, amount).to_vec();
    postings.extend(pair(Side::Seller, EntryKind::Adjustment, -reversed));
    postings
}

/// What of `payout` is reversed when `amount` of `price` goes back and `before` went back already. Worked out from
/// the sums, so that refunds that add up to the price reverse the payout to the last cent.
pub fn reversed(payout: i64, price: i64, before: i64, amount: i64) -> i64 {
    let until = |refunded: i64| {
        if price <= 0 {
            return 0;
        }
        let part = i128::from(payout) * i128::from(refunded) / i128::from(price);
        i64::try_from(part).unwrap_or(payout)
    };
    until(before.saturating_add(amount)) - until(before)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Balance and held of the buyer, the seller, and the house.
    #[derive(Debug, Default, PartialEq, Clone)]
    struct Book(BTreeMap<u8, (i64, i64)>);

    impl Book {
        fn post(&mut self, postings: &[Posting]) {
            assert_eq!(
                postings.iter().map(|posting| posting.amount).sum::<i64>(),
                0
            );
            for posting in postings {
                let side = match posting.side {
                    Side::Party => b'B',
                    Side::Seller => b'S',
                    Side::House => b'H',
                };
                let (balance, held) = self.0.entry(side).or_default();
                *balance += if posting.kind.is_of_balance() {
                    posting.amount
                } else {
                    0
                };
                *held += if posting.kind.is_of_held() {
                    posting.amount
                } else {
                    0
                };
            }
        }

        fn of(&self, side: u8) -> (i64, i64) {
            self.0.get(&side).copied().unwrap_or_default()
        }
    }

    #[test]
    fn the_contracts_example_to_the_cent() {
        let mut book = Book::default();
        book.post(&deposit(10_000));
        assert_eq!((book.of(b'B'), book.of(b'H')), ((10_000, 0), (-10_000, 0)));
        book.post(&hold(525));
        assert_eq!((book.of(b'B'), book.of(b'H').1), ((10_000, 525), -525));
        book.post(&capture(525, 525, 300));
        assert_eq!((book.of(b'B'), book.of(b'S')), ((9_475, 0), (300, 0)));
        book.post(&refund(525, reversed(300, 525, 0, 525)));
        assert_eq!(book.of(b'B'), (10_000, 0));
        assert_eq!(book.of(b'S'), (0, 0));
        assert_eq!(book.of(b'H'), (-10_000, 0));
    }

    proptest! {
        #[test]
        fn whatever_happens_the_sums_are_zero_and_nothing_stays_held(
            calls in prop::collection::vec((0..100_000_i64, 0..100_000_i64, 0..100_000_i64, any::<bool>()), 0..30),
        ) {
            let mut book = Book::default();
            for (price, rest, payout, captured) in calls {
                book.post(&deposit(price));
                book.post(&hold(price + rest));
                book.post(&if captured {
                    capture(price + rest, price, payout)
                } else {
                    release(price + rest)
                });
                prop_assert_eq!(book.of(b'B').1, 0);
                let sum = book.0.values().fold((0, 0), |sum, side| (sum.0 + side.0, sum.1 + side.1));
                prop_assert_eq!(sum, (0, 0));
            }
        }

        #[test]
        fn parts_of_a_refund_reverse_the_whole_payout_and_never_more(
            price in 1..1_000_000_i64,
            payout in 0..1_000_000_i64,
            parts in prop::collection::vec(1..200_000_i64, 1..10),
        ) {
            let (mut refunded, mut back) = (0, 0);
            for part in parts.into_iter().chain([price]) {
                let part = part.min(price - refunded);
                back += reversed(payout, price, refunded, part);
                refunded += part;
                prop_assert!(back <= payout);
            }
            prop_assert_eq!((refunded, back), (price, payout));
        }
    }
}
