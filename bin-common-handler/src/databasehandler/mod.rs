//! MySQL/MariaDB and SQLite behind one small type: the same SQL text runs on both.
//!
//! SQL is written with `?` and bound [`Value`]s; nothing that a caller sends ever becomes SQL text.
//! [`Db`] reads and opens transactions, [`Store`] is a manager's way to change things.

pub mod ahead;
mod condition;
mod dsn;
mod entity;
mod error;
mod lengths;
mod list;
pub mod migrate;
mod now;
mod pool;
mod query;
mod reader;
#[cfg(test)]
pub(crate) mod scratch;
#[cfg(feature = "test-support")]
mod script;
mod store;
pub(crate) mod stored;
mod value;
mod watch;

pub use dsn::{BadDsn, Dsn};
pub use entity::{Entity, JsonColumn};
pub use error::Trouble;
pub use lengths::{fills, list, marks, runs};
pub use list::ListQuery;
pub use now::{Id, database_now, database_now_in};
pub use pool::{Db, Dialect};
pub use query::{Row, Tx};
pub use reader::Reader;
#[cfg(feature = "test-support")]
pub use script::{FaultInjector, InjectedFault};
pub use store::{ChangeTx, EventPayload, Store};
pub use stored::{Cell, Cells, Changed, Stored, StoredJson, lasting, note, read};
pub use value::Value;
