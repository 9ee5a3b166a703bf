//! One row of the table.

use std::pin::Pin;

use crate::{load::Manners, round::Round};

/// The making of a fault, and its healing.
pub type Making<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// A fault that can be made.
pub struct Fault {
    /// Its name, e.g. `broker-killed`.
    pub name: &'static str,
    /// What is done, and what is right.
    pub about: &'static str,
    /// How callers behave meanwhile.
    pub manners: Manners,
    /// Makes it and heals it.
    pub make: for<'a, 'w> fn(&'a mut Round<'w>) -> Making<'a>,
}

/// A fault under the usual load.
pub const fn fault(
    name: &'static str,
    about: &'static str,
    make: for<'a, 'w> fn(&'a mut Round<'w>) -> Making<'a>,
) -> Fault {
    Fault {
        name,
        about,
        manners: Manners::USUAL,
        make,
    }
}

impl Fault {
    /// The same under another load.
    pub const fn under(mut self, manners: Manners) -> Self {
        self.manners = manners;
        self
    }
}
