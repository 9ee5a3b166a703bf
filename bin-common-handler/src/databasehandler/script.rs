//! For simulations: what befalls the statements of one process.

use std::{
    future::Future,
    io::ErrorKind,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use sqlx::Error as SqlError;
use tokio::sync::Notify;

use crate::testing::sim::Stage;

/// How a statement goes wrong. Either way its connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InjectedFault {
    /// It never reached the database.
    Lost,
    /// It was done, and nobody was told.
    Unanswered,
}

/// What is to happen to a database's statements; nothing, unless told. Clones share it.
#[derive(Clone, Default)]
pub struct FaultInjector(Arc<Inner>);

#[derive(Default)]
struct Inner {
    plan: Mutex<Plan>,
    died: Notify,
}

#[derive(Default)]
struct Plan {
    /// Statements up to the one that goes wrong, itself counted.
    coming: Option<(u64, InjectedFault)>,
    is_fatal: bool,
    stage: Option<Stage>,
}

impl FaultInjector {
    /// The statement `nth` (from 1) of those to come goes wrong; when that is fatal nothing comes after it.
    pub fn inject(&self, nth: u64, fault: InjectedFault, is_fatal: bool) {
        let mut plan = self.plan();
        plan.coming = Some((nth, fault));
        plan.is_fatal = is_fatal;
    }

    /// Nothing goes wrong any more.
    pub fn clear_faults(&self) {
        self.plan().coming = None;
    }

    /// Transactions begin only in their turn.
    pub fn wait_on(&self, stage: Stage) {
        self.plan().stage = Some(stage);
    }

    /// Ends when a fatal mishap has come.
    pub async fn crashed(&self) {
        self.0.died.notified().await;
    }

    pub(super) async fn turn(&self) {
        let stage = self.plan().stage.clone();
        if let Some(stage) = stage {
            stage.wait("before a transaction").await;
        }
    }

    /// Runs a statement, or does to it what was told.
    pub(super) async fn play<T>(
        &self,
        statement: impl Future<Output = Result<T, SqlError>>,
    ) -> Result<T, SqlError> {
        let Some((fault, is_fatal)) = self.next() else {
            return statement.await;
        };
        if fault == InjectedFault::Unanswered {
            let _ = statement.await;
        }
        if is_fatal {
            self.0.died.notify_one();
            std::future::pending::<()>().await;
        }
        Err(SqlError::Io(ErrorKind::ConnectionReset.into()))
    }

    fn next(&self) -> Option<(InjectedFault, bool)> {
        let mut plan = self.plan();
        let (nth, fault) = plan.coming?;
        plan.coming = (nth > 1).then(|| (nth - 1, fault));
        (nth <= 1).then_some((fault, plan.is_fatal))
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
