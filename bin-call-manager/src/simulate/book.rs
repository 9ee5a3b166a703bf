//! The ledger of a simulated market: the daemon's postings on accounts in memory, and the house's twin of each.

use bin_common_handler::models::error::{Error, Result};
use uuid::Uuid;

use crate::models::{
    account::Account,
    posting::{Posting, Side},
};

/// Accounts with their money.
pub(super) struct Book {
    /// The buyers, in the order of the market.
    pub buyers: Vec<Account>,
    pub seller: Account,
    /// The customer's own account.
    house: Account,
    pub entries: u64,
}

impl Book {
    pub(super) fn new(buyers: Vec<Account>, seller: Account) -> Self {
        Self {
            buyers,
            seller,
            house: Account {
                id: Uuid::nil(),
                ..Account::default()
            },
            entries: 0,
        }
    }

    /// Writes a movement of this buyer.
    ///
    /// # Errors
    /// When a sum leaves 64 bits.
    pub(super) fn post(&mut self, buyer: usize, postings: &[Posting]) -> Result<()> {
        for posting in postings.iter().filter(|posting| posting.amount != 0) {
            let account = match posting.side {
                Side::Party => self
                    .buyers
                    .get_mut(buyer)
                    .ok_or_else(|| Error::internal("no such buyer"))?,
                Side::Seller => &mut self.seller,
                Side::House => &mut self.house,
            };
            account.apply(posting)?;
            self.entries += 1;
        }
        Ok(())
    }

    /// What all balances and all holds add up to, the house's included: 0 at any moment.
    pub(super) fn sum(&self) -> i64 {
        self.buyers
            .iter()
            .chain([&self.seller, &self.house])
            .map(|account| account.balance + account.held)
            .sum()
    }

    /// What is set aside.
    pub(super) fn held(&self) -> i64 {
        self.buyers.iter().map(|account| account.held).sum()
    }
}
