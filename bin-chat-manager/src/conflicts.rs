//! Work beside requests that meets a conflict with other work is begun again at once: its timer would come back to it
//! seconds later, and a person would wait for as long.

use bin_common_handler::models::error::{Error, Result};
use rand::RngExt;
use tracing::debug;

/// Times that one piece of work is begun again …
const CONFLICTS_MAX: u32 = 5;
/// … each after up to so long, times the number of conflicts.
const PAUSE_MAX: std::time::Duration = std::time::Duration::from_millis(50);

/// Conflicts of one piece of work.
#[derive(Debug, Default)]
pub(crate) struct Conflicts {
    met: u32,
}

impl Conflicts {
    /// After work that failed: waits a moment where it may be begun again.
    ///
    /// # Errors
    /// What it failed with, where beginning again is of no use, or was often enough.
    pub(crate) async fn again(&mut self, error: Error) -> Result<()> {
        if !error.is_retriable() || self.met >= CONFLICTS_MAX {
            return Err(error);
        }
        self.met += 1;
        debug!(%error, conflicts = self.met, "beginning the work again");
        let pause = PAUSE_MAX.mul_f64(rand::rng().random::<f64>());
        tokio::time::sleep(pause * self.met).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_no_conflict_is_not_begun_again() {
        let mut conflicts = Conflicts::default();
        let error = Error::not_found("X_NOT_FOUND", "The x was not found.");
        assert!(conflicts.again(error).await.is_err());
        assert_eq!(conflicts.met, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_conflict_is_met_again_a_few_times_only() {
        let mut conflicts = Conflicts::default();
        let lost = || Error::from(sqlx::Error::WorkerCrashed);
        for _ in 0..CONFLICTS_MAX {
            assert!(conflicts.again(lost()).await.is_ok());
        }
        assert!(conflicts.again(lost()).await.is_err());
    }
}
