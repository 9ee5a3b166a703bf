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
            let allowed = allowed(found, allows_private)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Those of a name's addresses that may be reached: each answer is looked at by itself, whatever the one before was.
fn allowed(
    found: impl Iterator<Item = SocketAddr>,
    allows_private: bool,
) -> Result<Vec<SocketAddr>, ResolveFault> {
    let allowed: Vec<SocketAddr> = found
        .filter(|address| allows_private || is_public(address.ip()))
        .take(ADDRESSES_MAX)
        .collect();
    if allowed.is_empty() {
        return Err(ResolveFault::NotPublic);
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// What a name server says that changes its mind between two questions, or says both at once.
    #[rstest]
    #[case::public(&["93.184.216.34"], &["93.184.216.34"])]
    #[case::loopback(&["127.0.0.1"], &[])]
    #[case::both(&["127.0.0.1", "93.184.216.34", "10.0.0.1"], &["93.184.216.34"])]
    #[case::mapped(&["::ffff:127.0.0.1"], &[])]
    #[case::metadata(&["169.254.169.254"], &[])]
    #[case::nothing(&[], &[])]
    fn a_name_leads_to_what_is_public_in_this_answer(
        #[case] found: &[&str],
        #[case] expected: &[&str],
    ) {
        let of = |ips: &[&str]| -> Vec<SocketAddr> {
            let ips = ips.iter().map(|ip| ip.parse().unwrap());
            ips.map(|ip| SocketAddr::new(ip, 443)).collect()
        };
        let told = allowed(of(found).into_iter(), false);
        // Nothing to be asked is a refusal, not an empty list.
        assert_eq!(told.ok(), (!expected.is_empty()).then(|| of(expected)));
        let count = found.len();
        assert_eq!(
            allowed(of(found).into_iter(), true).map_or(0, |all| all.len()),
            count
        );
    }

    #[test]
    fn a_name_of_many_addresses_is_tried_at_a_few() {
        let many = (1..=100).map(|at| SocketAddr::from(([93, 184, 216, at], 443)));
        assert_eq!(allowed(many, false).unwrap().len(), ADDRESSES_MAX);
    }
}
