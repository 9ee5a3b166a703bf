//! Identifiers of new entities.

use uuid::Uuid;

/// A new identifier (UUID version 7): later ones sort after earlier ones, so that an index grows at its end.
pub fn next() -> Uuid {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that makes identifiers"
    )]
    Uuid::now_v7()
}
