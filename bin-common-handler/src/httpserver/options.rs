//! What one port may take of the process.

use std::time::Duration;

/// Connections of a bridge of which nothing else is said.
const BRIDGE_USUAL: u64 = 4_096;
/// Descriptors that are left to databases, the broker, files, and whatever else the process opens.
const OTHERS: u64 = 512;
/// Connections of any port at least.
const CONNECTIONS_MIN: u64 = 16;

/// The limits of one port.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// What the port is called in figures and logs.
    pub name: &'static str,
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once of one address.
    pub per_address_max: usize,
    /// From a connection, or the first byte of its next request, to the end of that request's head.
    pub head_max: Duration,
    /// Between two requests.
    pub idle_max: Duration,
    /// While the caller takes nothing of its answer.
    pub stall_max: Duration,
    /// How fast a body must come.
    pub upload: Upload,
}

/// The slowest upload that is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Upload {
    /// In each span of waiting for the caller …
    pub span: Duration,
    /// … at least so many bytes have come.
    pub bytes_min: usize,
}

impl Options {
    /// For people and dialers; takes up to half of the process's descriptors.
    pub fn bridge(descriptors: u64) -> Self {
        Self::with("bridge", descriptors / 2, descriptors, BRIDGE_USUAL)
    }

    /// As [`Self::bridge`], for so many connections at most. More than usual may take all descriptors but those that
    /// others need.
    pub fn bridge_of(descriptors: u64, connections: u64) -> Self {
        let share = if connections <= BRIDGE_USUAL {
            descriptors / 2
        } else {
            let admin = Self::admin(descriptors).connections_max as u64;
            descriptors.saturating_sub(OTHERS).saturating_sub(admin)
        };
        Self::with(
            "bridge",
            share,
            descriptors,
            connections.max(CONNECTIONS_MIN),
        )
    }

    /// For health and metrics: descriptors that no other port can take.
    pub fn admin(descriptors: u64) -> Self {
        Self::with("admin", descriptors / 8, descriptors, 2_048)
    }

    /// One address may have three quarters: a proxy or one dialer's machine may be all callers there are.
    fn with(name: &'static str, share: u64, descriptors: u64, most: u64) -> Self {
        let free = descriptors.saturating_sub(OTHERS).max(descriptors / 4);
        let connections = share.min(free).clamp(CONNECTIONS_MIN, most);
        let connections_max = usize::try_from(connections).unwrap_or(usize::MAX);
        Self {
            name,
            connections_max,
            per_address_max: connections_max / 4 * 3,
            head_max: Duration::from_secs(10),
            // Proxies keep theirs for a minute: who closes first should be the proxy.
            idle_max: Duration::from_secs(75),
            stall_max: Duration::from_secs(30),
            upload: Upload {
                span: Duration::from_secs(10),
                bytes_min: 10 * 1024,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::usual(20_000, 4_096, 4_096)]
    #[case::fewer(20_000, 100, 100)]
    #[case::ten_thousand_of_one_address(20_000, 16_000, 16_000)]
    #[case::all_but_what_others_need(20_000, 65_536, 17_440)]
    #[case::few_descriptors(1_024, 16_000, 384)]
    fn a_bridge_holds_what_its_operator_says_and_leaves_others_theirs(
        #[case] descriptors: u64,
        #[case] wanted: u64,
        #[case] connections: usize,
    ) {
        let options = Options::bridge_of(descriptors, wanted);
        assert_eq!(options.connections_max, connections);
        assert_eq!(options.per_address_max, connections / 4 * 3);
        let admin = Options::admin(descriptors).connections_max as u64;
        assert!(connections as u64 + admin < descriptors);
    }

    #[rstest]
    #[case(256, 64, 32)]
    #[case(1_024, 512, 128)]
    #[case(4_096, 2_048, 512)]
    #[case(20_000, 4_096, 2_048)]
    #[case(u64::MAX, 4_096, 2_048)]
    fn both_ports_leave_descriptors_to_others(
        #[case] descriptors: u64,
        #[case] bridge: usize,
        #[case] admin: usize,
    ) {
        let (of_bridge, of_admin) = (Options::bridge(descriptors), Options::admin(descriptors));
        assert_eq!(
            (of_bridge.connections_max, of_admin.connections_max),
            (bridge, admin)
        );
        assert!(of_bridge.per_address_max < bridge && of_admin.per_address_max < admin);
        assert!(((bridge + admin) as u64) < descriptors / 4 * 3);
    }
}
