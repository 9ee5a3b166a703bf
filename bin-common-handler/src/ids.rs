//! Identifiers of new entities.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use uuid::Uuid;

/// A new identifier (UUID version 7): later ones sort after earlier ones, so that an index grows at its end.
pub fn next() -> Uuid {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that makes identifiers"
    )]
    Uuid::now_v7()
}

/// Makes identifiers, or in a test those that it expects. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Ids(Option<Arc<AtomicU64>>);

impl Ids {
    /// 1, 2, 3 …: for tests.
    pub fn counting() -> Self {
        Self(Some(Arc::default()))
    }

    /// A new identifier.
    pub fn next(&self) -> Uuid {
        self.0.as_ref().map_or_else(next, |last| {
            Uuid::from_u128(u128::from(last.fetch_add(1, Ordering::Relaxed) + 1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_grow_and_those_of_a_test_are_known() {
        assert!(Ids::default().next() < Ids::default().next());
        let ids = Ids::counting();
        assert_eq!(
            [ids.next(), ids.clone().next()],
            [1, 2].map(Uuid::from_u128)
        );
    }
}
