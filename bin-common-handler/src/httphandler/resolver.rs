//! Names to addresses, with those left out that nobody may reach.
//!
//! The filter stands behind DNS, and the connection goes to the very addresses that passed it: a name that answers
//! differently the second time (DNS rebinding) gains nothing.

use std::{net::SocketAddr, time::Duration};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::address::is_public;

/// How long a name may take.
const RESOLVE_MAX: Duration = Duration::from_secs(5);
/// Addresses that are tried of one name.
const ADDRESSES_MAX: usize = 8;

/// Why a name leads nowhere.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveFault {
    #[error("the name leads to no public address")]
    NotPublic,
    #[error("the name was not resolved in time")]
    Late,
}

/// The system's resolver behind the filter.
pub(super) struct PublicResolver {
    pub(super) allows_private: bool,
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let allows_private = self.allows_private;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0));
            let found = tokio::time::timeout(RESOLVE_MAX, found)
                .await
                .map_err(|_| ResolveFault::Late)??;
            let allowed: Vec<SocketAddr> = found
                .filter(|address| allows_private || is_public(address.ip()))
                .take(ADDRESSES_MAX)
                .collect();
            if allowed.is_empty() {
                return Err(ResolveFault::NotPublic.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
