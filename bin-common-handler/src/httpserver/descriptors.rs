//! How many files and connections the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Raises the soft limit to the hard one, and tells the limit that then holds.
pub fn raise() -> u64 {
    let before = getrlimit(Resource::Nofile);
    let (Some(soft), hard) = (before.current, before.maximum) else {
        return u64::MAX;
    };
    if hard == Some(soft) {
        return soft;
    }
    let wanted = Rlimit {
        current: hard,
        maximum: hard,
    };
    match setrlimit(Resource::Nofile, wanted) {
        Ok(()) => hard.unwrap_or(u64::MAX),
        Err(fault) => {
            warn!(%fault, soft, "the limit on open files was not raised");
            soft
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_is_the_hard_one_afterwards() {
        let limit = raise();
        let now = getrlimit(Resource::Nofile);
        assert_eq!(now.current, now.maximum);
        assert_eq!(limit, now.current.unwrap_or(u64::MAX));
    }
}
