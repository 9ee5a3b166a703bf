//! Where to ask, and for whom: addresses, managers' names, paths.

use std::{fmt, net::SocketAddr, str::FromStr};

use bin_common_handler::{
    redact::{self, Secret},
    sockhandler::rabbitmq::check_address,
};
use hyper::Uri;
use tandem::bridge::reachable;

/// Where a request goes.
#[derive(Debug, Clone)]
pub enum Address {
    /// A RabbitMQ broker.
    Amqp(Secret),
    /// An HTTP bridge.
    Http(Uri),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted =
            "write amqp://user:password@host:5672 for a broker, or http://host:8080 for a bridge";
        match text.split_once("://") {
            Some(("amqp" | "amqps", _)) => {
                check_address(text).map_err(|fault| fault.to_string())?;
                Ok(Self::Amqp(Secret::new(text)))
            }
            Some(("http" | "https", rest)) => {
                let uri: Uri = text.parse().map_err(|_| wanted.to_owned())?;
                let host = uri.host().unwrap_or_default();
                if host.is_empty() || rest.contains(['@', '?', '#']) {
                    return Err("a bridge has a host, perhaps a port and a path, and nothing else: http://host:8080".to_owned());
                }
                Ok(Self::Http(uri))
            }
            _ => Err(wanted.to_owned()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Amqp(address) => f.write_str(&redact::dsn(address.expose())),
            Self::Http(uri) => f.write_str(uri.to_string().trim_end_matches('/')),
        }
    }
}

impl Address {
    /// Of the bridge of this machine that listens at `listens`.
    pub fn of_bridge(listens: SocketAddr) -> Self {
        let at = SocketAddr::new(reachable(listens.ip()), listens.port());
        Self::Http(format!("http://{at}").parse().unwrap_or_default())
    }

    /// True for a bridge on this machine, which shares the key file with us.
    pub fn is_local_bridge(&self) -> bool {
        let Self::Http(uri) = self else { return false };
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || host
                .parse::<std::net::IpAddr>()
                .is_ok_and(|ip| ip.is_loopback())
    }
}

/// A manager's whole name: `outdial` and `outdial-manager` are the same one.
///
/// # Errors
/// When it cannot be a name.
pub fn manager_name(text: &str) -> Result<String, String> {
    let short = text.strip_suffix("-manager").unwrap_or(text);
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if short.is_empty() || !short.chars().all(is_name) {
        return Err("a manager is named like outdial, or outdial-manager".to_owned());
    }
    Ok(format!("{short}-manager"))
}

/// A request's path and query, with the slash that it starts with.
///
/// # Errors
/// When it cannot be one.
pub fn path(text: &str) -> Result<String, String> {
    if text.contains("://") {
        return Err("give the path only, such as /v1/outdials; the host is --address".to_owned());
    }
    let path = format!("/{}", text.trim_start_matches('/'));
    match path.parse::<Uri>() {
        Ok(_) if !path.contains('#') => Ok(path),
        _ => Err(
            "it must be a path and perhaps a query, percent-encoded: /v1/outdials?page_size=10"
                .to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("outdial", Some("outdial-manager"))]
    #[case("outdial-manager", Some("outdial-manager"))]
    #[case("ai-team", Some("ai-team-manager"))]
    #[case("", None)]
    #[case("-manager", None)]
    #[case("Outdial", None)]
    #[case("out.dial", None)]
    fn a_manager_may_be_named_shortly(#[case] text: &str, #[case] name: Option<&str>) {
        assert_eq!(manager_name(text).ok().as_deref(), name);
    }

    #[rstest]
    #[case("/v1/outdials?page_size=10", Some("/v1/outdials?page_size=10"))]
    #[case("v1/outdials", Some("/v1/outdials"))]
    #[case("//v1/outdials", Some("/v1/outdials"))]
    #[case("http://host/v1", None)]
    #[case("/v1/out dials", None)]
    #[case("/v1#part", None)]
    fn a_path_starts_with_one_slash(#[case] text: &str, #[case] wanted: Option<&str>) {
        assert_eq!(path(text).ok().as_deref(), wanted);
    }

    #[rstest]
    #[case(
        "amqp://guest:guest@127.0.0.1:5672",
        Some("amqp://guest:***@127.0.0.1:5672")
    )]
    #[case("http://127.0.0.1:8080", Some("http://127.0.0.1:8080"))]
    #[case("https://bridge.example/base/", Some("https://bridge.example/base"))]
    #[case("http://u:p@host", None)]
    #[case("http://host/?a=b", None)]
    #[case("http://", None)]
    #[case("127.0.0.1:8080", None)]
    #[case("redis://h", None)]
    fn an_address_is_a_broker_or_a_bridge(#[case] text: &str, #[case] shown: Option<&str>) {
        let address = text.parse::<Address>().ok();
        assert_eq!(address.map(|it| it.to_string()).as_deref(), shown);
    }

    #[rstest]
    #[case("127.0.0.1:8080", "http://127.0.0.1:8080")]
    #[case("0.0.0.0:80", "http://127.0.0.1:80")]
    #[case("[::]:8080", "http://[::1]:8080")]
    #[case("10.0.0.5:8080", "http://10.0.0.5:8080")]
    fn a_bridge_is_asked_where_it_listens(#[case] listens: &str, #[case] address: &str) {
        let found = Address::of_bridge(listens.parse().unwrap());
        assert_eq!(found.to_string(), address);
    }

    #[rstest]
    #[case("http://127.0.0.1:8080", true)]
    #[case("http://[::1]:8080", true)]
    #[case("http://localhost", true)]
    #[case("http://bridge.example", false)]
    #[case("amqp://127.0.0.1", false)]
    fn the_key_file_is_for_bridges_of_this_machine(#[case] text: &str, #[case] local: bool) {
        assert_eq!(text.parse::<Address>().unwrap().is_local_bridge(), local);
    }
}
