//! Who may send calls: addresses that are listed, or users with a digest.

use std::net::IpAddr;

use bin_common_handler::{
    config::{Config, Setting},
    daemon::StartError,
    models::time::Timestamp,
    redact::Secret,
};

use super::{
    digest::{Refusal, Users},
    message::Request,
    transaction::Peer,
};

/// Addresses that need no digest.
pub(crate) const ALLOWED: Setting<String> = Setting::text(
    "SIP_ALLOWED_ADDRESSES",
    "127.0.0.0/8,::1",
    "Addresses or networks that may send calls over SIP without a digest, separated by commas; over UDP beyond this machine a digest is always needed",
    "10.0.0.5,192.168.1.0/24",
);
/// Users of the digest.
pub(crate) const CREDENTIALS: Setting<Secret> = Setting::secret(
    "SIP_CREDENTIALS",
    "",
    "Users that may send calls over SIP by digest: user:password, separated by commas, passwords of 8 or more characters",
    "switch:a-long-password",
);

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    /// These are asked.
    Challenged(Vec<(&'static str, String)>),
    Forbidden,
}

/// Who may send.
pub(super) struct Access {
    networks: Vec<(IpAddr, u32)>,
    users: Users,
}

impl Access {
    /// From the settings.
    ///
    /// # Errors
    /// Names the setting that is wrong.
    pub(super) fn new(config: &Config, key: [u8; 32]) -> Result<Self, StartError> {
        let wrong = |setting: &str, rule: &str| StartError::Other(format!("{setting}: {rule}"));
        let networks = config
            .get(&ALLOWED)
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty())
            .map(network)
            .collect::<Option<_>>()
            .ok_or_else(|| {
                wrong(
                    ALLOWED.name(),
                    "give addresses such as 10.0.0.5 or 10.0.0.0/8",
                )
            })?;
        let users = Users::new(&config.get(&CREDENTIALS), key).ok_or_else(|| {
            wrong(
                CREDENTIALS.name(),
                "give user:password, with 8 or more characters of password",
            )
        })?;
        Ok(Self { networks, users })
    }

    /// Makes nonces under another key: one that all processes have.
    pub(super) fn set_key(&mut self, key: [u8; 32]) {
        self.users.set_key(key);
    }

    /// What is asked of a sender whose answer was used before.
    pub(super) fn asked_again(&self, now: Timestamp) -> Vec<(&'static str, String)> {
        self.users.challenges(now, true)
    }

    /// Whether this sender may have this request served.
    pub(super) fn check(&mut self, request: &Request, peer: Peer, now: Timestamp) -> Verdict {
        let ip = peer.address().ip().to_canonical();
        let proves_itself = match peer {
            Peer::Tcp(..) => true,
            Peer::Udp(_) => ip.is_loopback(),
            // The bridge and proxies stand between.
            Peer::Socket(..) => false,
        };
        if proves_itself && self.networks.iter().any(|network| holds(*network, ip)) {
            return Verdict::Allowed;
        }
        if self.users.is_empty() {
            return Verdict::Forbidden;
        }
        let header = request.authorization.as_deref().unwrap_or_default();
        match self.users.check(header, &request.method, &request.uri, now) {
            Ok(()) => Verdict::Allowed,
            Err(refusal) => {
                Verdict::Challenged(self.users.challenges(now, refusal == Refusal::Stale))
            }
        }
    }
}

fn network(text: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = text.split_once('/').unwrap_or((text, ""));
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let length = if length.is_empty() {
        most
    } else {
        length.parse().ok()?
    };
    (length <= most).then_some((address, length))
}

fn holds((network, length): (IpAddr, u32), ip: IpAddr) -> bool {
    match (network, ip) {
        (IpAddr::V4(network), IpAddr::V4(ip)) => {
            let differ = network.to_bits() ^ ip.to_bits();
            differ
                .checked_shr(32_u32.saturating_sub(length))
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(network), IpAddr::V6(ip)) => {
            let differ = network.to_bits() ^ ip.to_bits();
            differ
                .checked_shr(128_u32.saturating_sub(length))
                .unwrap_or(0)
                == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use bin_common_handler::config::AnySetting;
    use rstest::rstest;

    use super::*;
    use crate::siphandler::message::tests::{INVITE, read};

    fn access(allowed: &str, credentials: &str) -> Result<Access, StartError> {
        let table: Vec<AnySetting> = vec![ALLOWED.erased(), CREDENTIALS.erased()];
        let given = [
            ("SIP_ALLOWED_ADDRESSES", allowed),
            ("SIP_CREDENTIALS", credentials),
        ];
        Access::new(&Config::with_values(&table, &given).unwrap(), [1; 32])
    }

    #[rstest]
    #[case::loopback("127.0.0.1", true, "127.0.0.0/8", "", "allowed")]
    #[case::listed_over_tcp("10.1.2.3", false, "10.0.0.0/8", "", "allowed")]
    #[case::listed_over_udp("10.1.2.3", true, "10.0.0.0/8", "", "forbidden")]
    #[case::listed_over_udp_with_users("10.1.2.3", true, "10.0.0.0/8", "u:12345678", "challenged")]
    #[case::stranger("11.1.2.3", false, "10.0.0.0/8", "", "forbidden")]
    #[case::stranger_with_users("11.1.2.3", false, "10.0.0.0/8", "u:12345678", "challenged")]
    #[case::mapped("::ffff:127.0.0.1", true, "127.0.0.1", "", "allowed")]
    #[case::six("2001:db8::7", false, "2001:db8::/32", "", "allowed")]
    #[case::everybody("9.9.9.9", false, "0.0.0.0/0", "", "allowed")]
    #[case::nobody("127.0.0.1", true, "", "", "forbidden")]
    fn who_may_send(
        #[case] ip: &str,
        #[case] is_udp: bool,
        #[case] allowed: &str,
        #[case] credentials: &str,
        #[case] expected: &str,
    ) {
        let address = SocketAddr::new(ip.parse().unwrap(), 5_060);
        let peer = if is_udp {
            Peer::Udp(address)
        } else {
            Peer::Tcp(address, 1)
        };
        let mut access = access(allowed, credentials).unwrap();
        let verdict = access.check(&read(INVITE), peer, Timestamp::default());
        let said = match verdict {
            Verdict::Allowed => "allowed",
            Verdict::Challenged(_) => "challenged",
            Verdict::Forbidden => "forbidden",
        };
        assert_eq!(said, expected);
    }

    #[rstest]
    #[case("10.0.0.0/33", "")]
    #[case("switch", "")]
    #[case("", "switch")]
    #[case("", "switch:short")]
    fn a_wrong_setting_is_named(#[case] allowed: &str, #[case] credentials: &str) {
        assert!(access(allowed, credentials).is_err());
    }
}
