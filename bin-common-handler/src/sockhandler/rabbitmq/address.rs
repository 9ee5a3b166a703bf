//! Broker addresses as other clients take them, and what is wrong with one when the broker says no.

use lapin::uri::AMQPUri;
use percent_encoding::percent_decode_str;

/// An address that is none of RabbitMQ's.
#[derive(Debug, thiserror::Error)]
#[error(
    "write amqp://user:password@host:5672/vhost, or amqps:// for TLS; write @ / ? # % of a password as \
     %40 %2F %3F %23 %25, and the parameters heartbeat, frame_max and connection_timeout as whole numbers"
)]
pub struct BadAddress;

/// Checks an address without connecting.
///
/// # Errors
/// When it is none of RabbitMQ's.
pub fn check_address(address: &str) -> Result<(), BadAddress> {
    parse(address).map(drop)
}

/// Reads an address. Without a path, or with an empty one, the virtual host is the default one.
pub(super) fn parse(address: &str) -> Result<AMQPUri, BadAddress> {
    let address = address.trim();
    let whole = if address.contains("://") {
        address.to_owned()
    } else {
        format!("amqp://{address}")
    };
    let (_, rest) = whole.split_once("://").ok_or(BadAddress)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end).ok_or(BadAddress)?;
    // Part of a password would be taken for the virtual host, and shown.
    if rest.contains('@') || address.is_empty() {
        return Err(BadAddress);
    }
    let mut uri: AMQPUri = whole.parse().map_err(|_| BadAddress)?;
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    uri.vhost = virtual_host(path)?;
    let place = authority.rsplit('@').next().unwrap_or_default();
    // The library takes an IPv6 address for none.
    if let Some((host, _)) = place.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        host.clone_into(&mut uri.authority.host);
    }
    Ok(uri)
}

/// `amqp://host//` is the default one, too: some write it unencoded.
fn virtual_host(path: &str) -> Result<String, BadAddress> {
    let name = path.strip_prefix('/').unwrap_or(path);
    let name = name.trim_end_matches('/');
    if name.is_empty() {
        return Ok("/".to_owned());
    }
    let name = percent_decode_str(name).decode_utf8();
    name.map(|name| name.into_owned()).map_err(|_| BadAddress)
}

/// What to do when the broker does not let us in; nothing where its own words say all.
pub(super) fn advice(refusal: &str, uri: &AMQPUri) -> Option<String> {
    let (user, vhost) = (&uri.authority.userinfo.username, &uri.vhost);
    let refusal = refusal.to_ascii_uppercase().replace(['-', '_'], "");
    if refusal.contains("ACCESSREFUSED") && refusal.contains("LOGIN") {
        let local = if user == "guest" {
            "; guest may log in from the broker's own machine only"
        } else {
            ""
        };
        return Some(format!(
            "the broker does not know the user {user:?} with this password: correct RABBITMQ_ADDRESS, or make \
             the user (rabbitmqctl add_user){local}"
        ));
    }
    if refusal.contains("VHOST") && refusal.contains("NOT FOUND") {
        return Some(format!(
            "the broker has no virtual host {vhost:?}: correct the end of RABBITMQ_ADDRESS (without one it is \
             \"/\"), or make it (rabbitmqctl add_vhost)"
        ));
    }
    if refusal.contains("REFUSED FOR USER") {
        return Some(format!(
            "the user {user:?} has no rights: give them with rabbitmqctl set_permissions -p {vhost} {user} \
             '.*' '.*' '.*'"
        ));
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// User, password, host, port, virtual host.
    fn parts(address: &str) -> String {
        let uri = parse(address).unwrap();
        let authority = uri.authority;
        let account = authority.userinfo;
        format!(
            "{} {} {} {} {} {}",
            uri.scheme,
            account.username,
            account.password,
            authority.host,
            authority.port,
            uri.vhost
        )
    }

    #[rstest]
    #[case("amqp://host", "amqp guest guest host 5672 /")]
    #[case("amqp://host/", "amqp guest guest host 5672 /")]
    #[case("amqp://host//", "amqp guest guest host 5672 /")]
    #[case("amqp://host/%2f", "amqp guest guest host 5672 /")]
    #[case("amqp://host/%2F", "amqp guest guest host 5672 /")]
    #[case("amqp://host/%2F/", "amqp guest guest host 5672 /")]
    #[case("amqp://host:5673", "amqp guest guest host 5673 /")]
    #[case("amqp://", "amqp guest guest localhost 5672 /")]
    #[case("amqp:///", "amqp guest guest localhost 5672 /")]
    #[case("amqp:///calls", "amqp guest guest localhost 5672 calls")]
    #[case("amqp://u:p@host:5672/", "amqp u p host 5672 /")]
    #[case("amqp://u:p@host:5672/calls", "amqp u p host 5672 calls")]
    #[case("amqp://u:p@host:5672/calls/", "amqp u p host 5672 calls")]
    #[case("amqp://u:p@host/a%2Fb", "amqp u p host 5672 a/b")]
    #[case("amqp://u:p@host/a/b", "amqp u p host 5672 a/b")]
    #[case("amqp://u@host", "amqp u guest host 5672 /")]
    #[case("amqp://u:p%40s%2Fs@host", "amqp u p@s/s host 5672 /")]
    #[case("amqp://u:p@ss@host", "amqp u p@ss host 5672 /")]
    #[case("amqps://u:p@host", "amqps u p host 5671 /")]
    #[case("AMQPS://u:p@host/", "amqps u p host 5671 /")]
    #[case("amqp://host?heartbeat=30", "amqp guest guest host 5672 /")]
    #[case(
        "amqp://host/?heartbeat=30&connection_timeout=5000",
        "amqp guest guest host 5672 /"
    )]
    #[case(
        "amqp://host/v?connection_attempts=3&retry_delay=5",
        "amqp guest guest host 5672 v"
    )]
    #[case("amqp://[::1]:5673/v", "amqp guest guest ::1 5673 v")]
    #[case("amqp://u:p@[fe80::1]/", "amqp u p fe80::1 5672 /")]
    #[case("amqp://10.0.0.1", "amqp guest guest 10.0.0.1 5672 /")]
    #[case("host:5672", "amqp guest guest host 5672 /")]
    #[case("u:p@host:5672/v", "amqp u p host 5672 v")]
    #[case(" amqp://host/ \n", "amqp guest guest host 5672 /")]
    fn an_address_of_any_client_is_read(#[case] address: &str, #[case] expected: &str) {
        assert_eq!(parts(address), expected);
    }

    #[rstest]
    #[case("")]
    #[case(" ")]
    #[case("http://host")]
    #[case("redis://host")]
    #[case("amqp://host:port")]
    #[case("amqp://host:70000")]
    #[case("amqp://u:p/w@host")]
    #[case("amqp://u:1/hunter2@host/v")]
    #[case("amqp://u:1?hunter2@host/v")]
    #[case("amqp://host?heartbeat=soon")]
    #[case("amqp://ho st")]
    #[case("amqp://[::1/")]
    fn what_is_no_address_is_refused(#[case] address: &str) {
        let fault = check_address(address).unwrap_err().to_string();
        assert!(fault.contains("amqp://user:password@host:5672/vhost"));
        assert!(!fault.contains("hunter2"));
    }

    #[rstest]
    #[case(
        "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.",
        "\"u\" with this password"
    )]
    #[case("ACCESS-REFUSED: login refused", "add_user")]
    #[case("NOT_ALLOWED - vhost calls not found", "no virtual host \"calls\"")]
    #[case("NOT-ALLOWED: vhost calls not found", "add_vhost")]
    #[case(
        "NOT_ALLOWED - access to vhost 'calls' refused for user 'u'",
        "set_permissions -p calls u"
    )]
    #[case(
        "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'u'",
        "has no rights"
    )]
    fn who_is_not_let_in_hears_why(#[case] refusal: &str, #[case] told: &str) {
        let uri = parse("amqp://u:hunter2@host/calls").unwrap();
        let advice = advice(refusal, &uri).unwrap();
        assert!(advice.contains(told), "{advice}");
        assert!(!advice.contains("hunter2"), "{advice}");
    }

    #[test]
    fn the_brokers_own_words_are_enough_elsewhere() {
        let uri = AMQPUri::default();
        assert_eq!(advice("Connection refused (os error 111)", &uri), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "\\PC{0,40}") {
            let _ = check_address(&text);
            let _ = check_address(&format!("amqp://{text}"));
        }
    }
}
