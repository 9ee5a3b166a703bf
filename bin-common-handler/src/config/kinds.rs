//! What a setting's value must be.

use std::{net::SocketAddr, time::Duration};

use crate::{
    databasehandler::Dsn,
    models::{address::is_email, flag::parse_flag},
    redact,
    sealer::Sealer,
    sockhandler::rabbitmq::check_address,
};

/// Shortest access key, in characters.
const ACCESS_KEY_MIN: usize = 16;
/// Shortest key of hashes, in characters.
const HASH_KEY_MIN: usize = 32;
/// Where the paths of webhooks begin.
const WEBHOOKS: &str = "/v1/webhooks";

/// The kind of a setting.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Anything.
    Text,
    /// Anything, never shown.
    Secret,
    /// A key that callers show: long enough not to be guessed.
    AccessKey,
    /// A key of hashes: long enough that nobody tries them all; never shown.
    HashKey,
    /// Keys of secrets at rest, separated by commas; never shown.
    SealKeys,
    /// A database address.
    Dsn,
    /// A RabbitMQ address.
    Amqp,
    /// `host:port`, `redis://…` or `rediss://…`.
    Redis,
    /// `host:port`, or `:port` for every interface.
    ListenAddress,
    /// A path that starts with `/`.
    UriPath,
    /// `https://` or `http://`, a host, and a path or none.
    WebAddress,
    /// The same, to which the paths of webhooks are added.
    PublicUrl,
    /// `smtp://` or `smtps://`, a user and a password, and a host; never shown.
    SmtpUrl,
    /// A mail address.
    MailAddress,
    /// A mail address, perhaps with a name: `Name <address>`.
    MailSender,
    /// `user:password`; never shown.
    Login,
    /// true or false.
    Bool,
    /// A time span such as `3s`, `250ms`, `6h`; a bare number is seconds. Bounds in milliseconds.
    Duration {
        /// At least.
        min_ms: u64,
        /// At most.
        max_ms: u64,
    },
    /// A whole number.
    Number {
        /// At least.
        min: u64,
        /// At most.
        max: u64,
    },
    /// One of these words.
    OneOf(&'static [&'static str]),
}

impl Kind {
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Text | Self::Secret => Ok(()),
            Self::AccessKey if text.len() < ACCESS_KEY_MIN => {
                Err(format!("a key has at least {ACCESS_KEY_MIN} characters"))
            }
            Self::HashKey if text.len() < HASH_KEY_MIN => {
                Err(format!("a key has at least {HASH_KEY_MIN} characters"))
            }
            Self::AccessKey | Self::HashKey => Ok(()),
            Self::SealKeys => Sealer::new(&redact::Secret::new(text))
                .map(drop)
                .map_err(|fault| fault.to_string()),
            Self::Dsn => text
                .parse::<Dsn>()
                .map(drop)
                .map_err(|fault| fault.to_string()),
            Self::Amqp => check_address(text).map_err(|fault| fault.to_string()),
            Self::Redis => redis_url(text, "", "0")
                .map(drop)
                .ok_or_else(|| "write host:6379, redis://:password@host:6379/0, or rediss:// for TLS; write @ / ? # % of a password as \
                     %40 %2F %3F %23 %25".to_owned()),
            Self::ListenAddress => parse_listen_address(text).map(drop),
            Self::UriPath if text.starts_with('/') => Ok(()),
            Self::UriPath => Err("a path starts with /".to_owned()),
            Self::WebAddress => check_web_address(text),
            Self::PublicUrl => check_public_url(text),
            Self::SmtpUrl => check_smtp_url(text),
            Self::MailAddress if is_email(text) => Ok(()),
            Self::MailAddress => Err("it must be a mail address".to_owned()),
            Self::MailSender if is_email(address_of(text)) => Ok(()),
            Self::MailSender => Err("it must be a mail address, or Name <address>".to_owned()),
            Self::Login => match text.split_once(':') {
                Some((user, password)) if !user.is_empty() && !password.is_empty() => Ok(()),
                _ => Err("write user:password".to_owned()),
            },
            Self::Bool => parse_bool(text)
                .map(drop)
                .ok_or_else(|| "it must be true or false".to_owned()),
            Self::Duration { min_ms, max_ms } => {
                let span =
                    parse_duration(text).ok_or("it must be a time such as 3s, 250ms or 6h")?;
                in_range(
                    u64::try_from(span.as_millis()).unwrap_or(u64::MAX),
                    min_ms,
                    max_ms,
                    " ms",
                )
            }
            Self::Number { min, max } => {
                let number = text
                    .parse()
                    .map_err(|_| "it must be a whole number".to_owned())?;
                in_range(number, min, max, "")
            }
            Self::OneOf(words) if words.contains(&text) => Ok(()),
            Self::OneOf(words) => Err(format!("it must be one of {}", words.join(", "))),
        }
    }

    /// The value as it may be printed.
    pub(super) fn shown(self, text: &str) -> String {
        match self {
            _ if self.is_secret() && text.is_empty() => "(none)".to_owned(),
            _ if self.is_secret() => "***".to_owned(),
            Self::Dsn | Self::Amqp | Self::Redis => redact::dsn(text),
            _ => text.to_owned(),
        }
    }

    pub(super) fn shown_in_error(self, text: &str) -> String {
        match self {
            _ if self.is_secret() => String::new(),
            Self::Dsn | Self::Amqp | Self::Redis => String::new(),
            _ => format!(" = {text:?}"),
        }
    }

    /// Whether nothing of it is ever shown.
    const fn is_secret(self) -> bool {
        matches!(
            self,
            Self::Secret
                | Self::AccessKey
                | Self::HashKey
                | Self::SealKeys
                | Self::SmtpUrl
                | Self::Login
        )
    }

    pub(super) const fn value_name(self) -> &'static str {
        match self {
            Self::Dsn | Self::Amqp | Self::Redis | Self::ListenAddress => "ADDRESS",
            Self::Secret
            | Self::AccessKey
            | Self::HashKey
            | Self::SealKeys
            | Self::SmtpUrl
            | Self::Login => "SECRET",
            Self::Bool => "BOOL",
            Self::Duration { .. } => "TIME",
            Self::Number { .. } => "NUMBER",
            Self::UriPath => "PATH",
            Self::WebAddress | Self::PublicUrl => "URL",
            Self::Text | Self::OneOf(_) | Self::MailAddress | Self::MailSender => "TEXT",
        }
    }
}

fn in_range(number: u64, min: u64, max: u64, unit: &str) -> Result<(), String> {
    if (min..=max).contains(&number) {
        Ok(())
    } else {
        Err(format!("it must be from {min}{unit} to {max}{unit}"))
    }
}

/// A place on the web, without a query.
fn check_web_address(text: &str) -> Result<(), String> {
    let is_right = |uri: &http::Uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri
                .authority()
                .is_some_and(|place| !place.as_str().contains('@'))
            && uri.query().is_none()
    };
    let uri = text.parse::<http::Uri>().ok().filter(is_right);
    match uri {
        Some(_) if !text.contains('#') => Ok(()),
        _ => Err("write https:// and a host, such as https://voice.example.com".to_owned()),
    }
}

/// Where webhooks reach us. A whole webhook's address would become one to which another is added.
fn check_public_url(text: &str) -> Result<(), String> {
    check_web_address(text)?;
    match text.split_once(WEBHOOKS) {
        None => Ok(()),
        Some((place, _)) => Err(format!(
            "leave out {WEBHOOKS} and what follows, which is added to it: write {place}"
        )),
    }
}

/// A mail server: what its library reads, so that it can have no other fault than that of its user or its server.
fn check_smtp_url(text: &str) -> Result<(), String> {
    let is_right = |url: &reqwest::Url| {
        let tls = url.query_pairs().find(|(name, _)| name == "tls");
        let tls = tls.map(|(_, value)| value.into_owned());
        url.host_str().is_some_and(|host| !host.is_empty())
            && match url.scheme() {
                "smtps" => true,
                "smtp" => matches!(tls.as_deref(), None | Some("required" | "opportunistic")),
                _ => false,
            }
    };
    match reqwest::Url::parse(text) {
        Ok(url) if is_right(&url) => Ok(()),
        _ => Err(
            "write smtps://user:password@host, or smtp:// with ?tls=required for STARTTLS"
                .to_owned(),
        ),
    }
}

/// The address in `Name <address>`, or what stands alone.
fn address_of(text: &str) -> &str {
    let named = text.trim().strip_suffix('>');
    let address = named.and_then(|rest| rest.split_once('<'));
    address.map_or(text, |(_, address)| address).trim()
}

pub(super) fn parse_bool(text: &str) -> Option<bool> {
    parse_flag(text).or_else(|| match text.to_ascii_lowercase().as_str() {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    })
}

/// A time span such as `3s`, `250ms`, `6h`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let number: u64 = number.parse().ok()?;
    let ms = match unit.trim() {
        "ms" => 1,
        "" | "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(ms).map(Duration::from_millis)
}

/// The digits that a text begins with as a number, and where they end. For defaults, which are constants.
#[expect(
    clippy::indexing_slicing,
    reason = "below the length; a constant that is wrong does not compile"
)]
pub(super) const fn number_of(text: &str) -> (u64, usize) {
    let bytes = text.as_bytes();
    assert!(
        !bytes.is_empty() && bytes[0].is_ascii_digit(),
        "the default is no number"
    );
    let (mut number, mut at) = (0_u64, 0);
    while at < bytes.len() && bytes[at].is_ascii_digit() {
        number = number * 10 + (bytes[at] - b'0') as u64;
        at += 1;
    }
    (number, at)
}

/// A time span in milliseconds; as [`parse_duration`], for defaults, which are constants.
pub(super) const fn ms_of(text: &str) -> u64 {
    let (number, end) = number_of(text);
    let (_, unit) = text.as_bytes().split_at(end);
    let ms = match unit {
        b"ms" => 1,
        b"" | b"s" => 1_000,
        b"m" => 60_000,
        b"h" => 3_600_000,
        b"d" => 86_400_000,
        _ => 0,
    };
    assert!(ms > 0, "the default is no time span");
    number * ms
}

pub(super) fn parse_listen_address(text: &str) -> Result<SocketAddr, String> {
    let whole = if text.starts_with(':') {
        format!("0.0.0.0{text}")
    } else {
        text.replace("localhost", "127.0.0.1")
    };
    whole
        .parse()
        .map_err(|_| "it must be an IP address and a port".to_owned())
}

/// Password and database number are added where the address itself has none.
pub(super) fn redis_url(address: &str, password: &str, database: &str) -> Option<String> {
    let (scheme, rest) = address
        .trim()
        .split_once("://")
        .unwrap_or(("redis", address.trim()));
    let scheme = match scheme.to_ascii_lowercase().as_str() {
        "redis" | "valkey" | "tcp" => "redis",
        "rediss" | "valkeys" | "redis+tls" | "redis+ssl" => "rediss",
        _ => return None,
    };
    let (account, place) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (place, query) = place.split_once('?').unwrap_or((place, ""));
    let place = place.trim_end_matches('/');
    let (host_port, path) = place.split_once('/').unwrap_or((place, ""));
    let in_query = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("db="))
        .unwrap_or(database);
    let number: u32 = if path.is_empty() { in_query } else { path }.parse().ok()?;
    let (host, port) = redis_place(host_port)?;
    let (user, own_password) = account.split_once(':').unwrap_or((account, ""));
    let decode = |text| {
        percent_encoding::percent_decode_str(text)
            .decode_utf8()
            .ok()
    };
    let (user, own_password) = (decode(user)?, decode(own_password)?);
    let password = if own_password.is_empty() {
        password
    } else {
        &own_password
    };
    let encode = |text| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let account = if password.is_empty() {
        String::new()
    } else {
        format!("{}:{}@", encode(&user), encode(password))
    };
    Some(format!("{scheme}://{account}{host}:{port}/{number}"))
}

/// A host and a port; one of them may be missing.
fn redis_place(text: &str) -> Option<(&str, u16)> {
    const PORT: u16 = 6379;
    if let Some(v6_end) = text.strip_prefix('[').and(text.find(']')) {
        let (host, port) = text.split_at_checked(v6_end + 1)?;
        let port = port.strip_prefix(':');
        return Some((host, port.map_or(Some(PORT), |port| port.parse().ok())?));
    }
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (text, PORT),
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    match host {
        "" if text.is_empty() => None,
        // As a listen address: this machine.
        "" => Some(("127.0.0.1", port)),
        host => host.chars().all(is_name).then_some((host, port)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("3s", Some(3_000))]
    #[case("250ms", Some(250))]
    #[case("6h", Some(21_600_000))]
    #[case("0", Some(0))]
    #[case("2m", Some(120_000))]
    #[case("", None)]
    #[case("soon", None)]
    #[case("99999999999999999999h", None)]
    #[case("18446744073709551615h", None)]
    fn a_time_span(#[case] text: &str, #[case] ms: Option<u64>) {
        assert_eq!(parse_duration(text), ms.map(Duration::from_millis));
    }

    #[rstest]
    #[case("3s")]
    #[case("250ms")]
    #[case("6h")]
    #[case("0")]
    #[case("30d")]
    #[case("2m")]
    fn a_default_is_read_as_a_value_is(#[case] text: &str) {
        assert_eq!(
            parse_duration(text),
            Some(Duration::from_millis(ms_of(text)))
        );
    }

    #[rstest]
    #[case("127.0.0.1:6379", "", "1", Some("redis://127.0.0.1:6379/1"))]
    #[case("cache:6379", "p@ss", "0", Some("redis://:p%40ss@cache:6379/0"))]
    #[case("rediss://cache:6380", "x", "2", Some("rediss://:x@cache:6380/2"))]
    #[case("redis://:y@cache:6380/3", "x", "2", Some("redis://:y@cache:6380/3"))]
    #[case("redis://cache", "", "1", Some("redis://cache:6379/1"))]
    #[case("redis://cache/", "", "1", Some("redis://cache:6379/1"))]
    #[case("redis://cache/0", "", "1", Some("redis://cache:6379/0"))]
    #[case("redis://cache:6379/0/", "", "1", Some("redis://cache:6379/0"))]
    #[case("redis://cache?db=4", "", "1", Some("redis://cache:6379/4"))]
    #[case(
        "redis://cache/?protocol=3&db=4",
        "",
        "1",
        Some("redis://cache:6379/4")
    )]
    #[case("redis://u:y@cache", "x", "0", Some("redis://u:y@cache:6379/0"))]
    #[case("redis://u@cache", "x", "0", Some("redis://u:x@cache:6379/0"))]
    #[case(
        "redis://:a/b?c@cache:6379",
        "",
        "0",
        Some("redis://:a%2Fb%3Fc@cache:6379/0")
    )]
    #[case(
        "redis://:a%2Fb@cache:6379",
        "",
        "0",
        Some("redis://:a%2Fb@cache:6379/0")
    )]
    #[case(":p@cache", "", "0", Some("redis://:p@cache:6379/0"))]
    #[case("cache", "", "0", Some("redis://cache:6379/0"))]
    #[case(":6379", "", "0", Some("redis://127.0.0.1:6379/0"))]
    #[case("[::1]:6380", "", "0", Some("redis://[::1]:6380/0"))]
    #[case("redis://[::1]/2", "", "0", Some("redis://[::1]:6379/2"))]
    #[case("REDIS://cache", "", "0", Some("redis://cache:6379/0"))]
    #[case("tcp://cache:6379", "", "0", Some("redis://cache:6379/0"))]
    #[case("rediss://u:y@cache/", "", "0", Some("rediss://u:y@cache:6379/0"))]
    #[case(" redis://cache ", "", "0", Some("redis://cache:6379/0"))]
    #[case("http://cache", "", "0", None)]
    #[case("cache:port", "", "0", None)]
    #[case("cache:70000", "", "0", None)]
    #[case("redis://cache/first", "", "0", None)]
    #[case("redis://", "", "0", None)]
    #[case("redis://a,b:6379", "", "0", None)]
    #[case("", "", "0", None)]
    fn a_redis_address(
        #[case] address: &str,
        #[case] password: &str,
        #[case] n: &str,
        #[case] url: Option<&str>,
    ) {
        assert_eq!(redis_url(address, password, n).as_deref(), url);
    }

    #[rstest]
    #[case("https://voice.example.com", true)]
    #[case("https://voice.example.com:8443/tandem/", true)]
    #[case("http://10.0.0.1", true)]
    #[case("voice.example.com", false)]
    #[case("ftp://voice.example.com", false)]
    #[case("https://", false)]
    #[case("https://a@voice.example.com", false)]
    #[case("https://voice.example.com?a=1", false)]
    #[case("https://voice.example.com/#a", false)]
    #[case("/v1", false)]
    fn a_web_address(#[case] text: &str, #[case] is_one: bool) {
        assert_eq!(check_web_address(text).is_ok(), is_one);
    }

    #[rstest]
    #[case("https://voice.example.com", None)]
    #[case("https://voice.example.com/tandem/", None)]
    #[case("voice.example.com", Some("write https://"))]
    #[case(
        "https://voice.example.com/tandem/v1/webhooks/twilio/voice",
        Some("write https://voice.example.com/tandem")
    )]
    #[case("https://voice.example.com/v1/webhooks", Some("/v1/webhooks"))]
    fn a_public_url_is_no_webhook(#[case] text: &str, #[case] fault: Option<&str>) {
        let checked = check_public_url(text);
        match fault {
            None => assert_eq!(checked, Ok(())),
            Some(words) => assert!(checked.unwrap_err().contains(words)),
        }
    }

    #[rstest]
    #[case(Kind::SmtpUrl, "smtps://user:p%40ss@mail.example.com", true)]
    #[case(Kind::SmtpUrl, "smtp://127.0.0.1:2525", true)]
    #[case(Kind::SmtpUrl, "smtp://u:p@mail.example.com?tls=required", true)]
    #[case(Kind::SmtpUrl, "smtp://u:p@mail.example.com?tls=yes", false)]
    #[case(Kind::SmtpUrl, "foo", false)]
    #[case(Kind::SmtpUrl, "https://mail.example.com", false)]
    #[case(Kind::SmtpUrl, "smtp://", false)]
    #[case(Kind::MailAddress, "reply@in.example.com", true)]
    #[case(Kind::MailAddress, "x", false)]
    #[case(Kind::MailAddress, "Tandem <reply@in.example.com>", false)]
    #[case(Kind::MailSender, "tandem@example.com", true)]
    #[case(Kind::MailSender, "Tandem <tandem@example.com>", true)]
    #[case(Kind::MailSender, "x", false)]
    #[case(Kind::MailSender, "Tandem <x>", false)]
    #[case(Kind::Login, "postmark:0123456789abcdef", true)]
    #[case(Kind::Login, "foo", false)]
    #[case(Kind::Login, ":foo", false)]
    #[case(Kind::Login, "foo:", false)]
    fn what_mail_needs_is_checked(#[case] kind: Kind, #[case] text: &str, #[case] is_one: bool) {
        assert_eq!(kind.check(text).is_ok(), is_one, "{text}");
    }

    #[rstest]
    #[case(Kind::Secret)]
    #[case(Kind::SmtpUrl)]
    #[case(Kind::Login)]
    fn a_secret_is_shown_nowhere(#[case] kind: Kind) {
        let text = "smtp://u:hunter2@h";
        assert_eq!(kind.shown(text), "***");
        assert_eq!(kind.shown_in_error(text), "");
    }

    #[rstest]
    #[case(":2112", "0.0.0.0:2112")]
    #[case("localhost:8080", "127.0.0.1:8080")]
    #[case("[::1]:8080", "[::1]:8080")]
    fn a_listen_address(#[case] text: &str, #[case] address: &str) {
        assert_eq!(parse_listen_address(text).unwrap().to_string(), address);
    }
}
