//! Database addresses: `mysql://…`, the Go form `user:pw@tcp(host:port)/db?…`, `jdbc:mysql://…`, `sqlite://path`.

use std::{collections::BTreeMap, fmt, path::PathBuf, str::FromStr};

use percent_encoding::percent_decode_str;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};

use crate::redact;

/// Where the data lives.
#[derive(Clone)]
pub enum Dsn {
    /// MySQL or MariaDB.
    MySql(Box<MySqlConnectOptions>),
    /// One file.
    Sqlite(PathBuf),
}

impl fmt::Debug for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Dsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MySql(options) => write!(
                f,
                "mysql://{}:{}/{}",
                options.get_host(),
                options.get_port(),
                options.get_database().unwrap_or_default()
            ),
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
        }
    }
}

/// What is wrong with an address; never repeats its password.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadDsn {
    /// The beginning is none we know.
    #[error(
        "{0:?} starts like no database; write mysql://user:password@host:3306/name or sqlite://path/file.db"
    )]
    Scheme(String),
    /// A part is missing.
    #[error("{0} is missing; write mysql://user:password@host:3306/name")]
    Missing(&'static str),
    /// Perhaps a part of the password stands where the database's name does.
    #[error(
        "there is an @ behind the last /; write @ / ? of a password as %40 %2F %3F, and the database's name last"
    )]
    At,
    /// Neither a network nor a socket.
    #[error("{0:?} is no way to a database; write tcp(host:3306) or unix(/path/of/the.socket)")]
    Protocol(String),
    /// A port that is no number.
    #[error("the port is no number from 1 to 65535")]
    Port,
    /// A parameter that would be dropped silently.
    #[error(
        "the parameter {0:?} is not known; known are ssl-mode, ssl-ca, ssl-cert, ssl-key, socket, charset, those of Go (tls, parseTime, loc, timeout …) and of JDBC (user, password, useSSL, serverTimezone …)"
    )]
    Parameter(String),
    /// A TLS mode that does not exist.
    #[error(
        "{0:?} is no ssl-mode; use disabled, preferred, required, verify_ca or verify_identity"
    )]
    SslMode(String),
}

impl FromStr for Dsn {
    type Err = BadDsn;

    fn from_str(text: &str) -> Result<Self, BadDsn> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let path = path.split('?').next().unwrap_or_default();
            return if path.is_empty() {
                Err(BadDsn::Missing("the path"))
            } else {
                Ok(Self::Sqlite(path.into()))
            };
        }
        match mysql_url(text) {
            Some(rest) => Parts::from_url(rest)?.connect_options(),
            None if text.contains("://") || !text.contains("/") => {
                Err(BadDsn::Scheme(redact::dsn(text)))
            }
            None => Parts::from_go(text)?.connect_options(),
        }
    }
}

/// What follows the scheme: ours, that of JDBC, or with a driver's name as SQLAlchemy has it.
fn mysql_url(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let scheme = scheme.strip_prefix("jdbc:").unwrap_or(&scheme);
    let database = scheme.split('+').next().unwrap_or_default();
    matches!(database, "mysql" | "mariadb").then_some(rest)
}

struct Parts {
    user: String,
    password: Option<String>,
    host: String,
    port: u16,
    socket: Option<String>,
    database: String,
    parameters: BTreeMap<String, String>,
}

impl Parts {
    fn from_url(rest: &str) -> Result<Self, BadDsn> {
        let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, database) = before
            .trim_end_matches('/')
            .rsplit_once('/')
            .ok_or(BadDsn::Missing("the database name"))?;
        ensure_no_at(&[database, query])?;
        let (account, host_port) = place.rsplit_once('@').unwrap_or(("", place));
        let (user, password) = split_account(account);
        let (host, port) = split_host_port(host_port)?;
        let mut parameters = parameters(query);
        // As JDBC has them.
        let (own_user, own_password) = (parameters.remove("user"), parameters.remove("password"));
        let user = Some(decode(user)).filter(|user| !user.is_empty());
        Ok(Self {
            user: user.or(own_user).unwrap_or_default(),
            password: password.map(decode).or(own_password),
            host: decode(&host),
            port,
            socket: parameters.remove("socket"),
            database: decode(database),
            parameters,
        })
    }

    /// `user:password@protocol(address)/database?…`: nothing is percent-encoded before the `?`.
    fn from_go(text: &str) -> Result<Self, BadDsn> {
        let (before, query) = match text.rsplit_once('@') {
            // A password may hold a question mark.
            Some((account, rest)) => {
                let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
                (format!("{account}@{rest}"), query)
            }
            None => (text.to_owned(), ""),
        };
        let (place, database) = before
            .trim_end_matches('/')
            .rsplit_once('/')
            .ok_or(BadDsn::Missing("the database name"))?;
        ensure_no_at(&[database])?;
        let (account, address) = place.rsplit_once('@').ok_or(BadDsn::Missing("the user"))?;
        let (user, password) = split_account(account);
        let (protocol, address) = match address.split_once('(') {
            Some((protocol, inner)) => (
                protocol,
                inner
                    .strip_suffix(')')
                    .ok_or(BadDsn::Missing("a closing )"))?,
            ),
            // As Go's driver has it: this machine.
            None if matches!(address, "" | "tcp") => ("tcp", "127.0.0.1"),
            None => ("tcp", address),
        };
        if !matches!(protocol, "tcp" | "tcp4" | "tcp6" | "unix") {
            return Err(BadDsn::Protocol(protocol.to_owned()));
        }
        let socket = (protocol == "unix").then(|| address.to_owned());
        let (host, port) = if socket.is_some() {
            ("localhost".to_owned(), 3306)
        } else {
            split_host_port(address)?
        };
        Ok(Self {
            user: user.to_owned(),
            password: password.map(str::to_owned),
            host,
            port,
            socket,
            database: database.to_owned(),
            parameters: parameters(query),
        })
    }

    fn connect_options(self) -> Result<Dsn, BadDsn> {
        if self.database.is_empty() {
            return Err(BadDsn::Missing("the database name"));
        }
        let mut options = MySqlConnectOptions::new()
            .host(&self.host)
            .port(self.port)
            .username(&self.user)
            .database(&self.database);
        if let Some(password) = &self.password {
            options = options.password(password);
        }
        if let Some(socket) = &self.socket {
            options = options.socket(socket);
        }
        let mut ssl_mode = MySqlSslMode::Preferred;
        for (key, value) in &self.parameters {
            match plain(key).as_str() {
                "sslmode" => ssl_mode = parse_ssl_mode(value)?,
                "tls" => ssl_mode = parse_go_tls(value)?,
                "usessl" | "requiressl" | "ssl" if is_true(value)? => {
                    ssl_mode = stricter(ssl_mode, MySqlSslMode::Required);
                }
                "verifyservercertificate" if is_true(value)? => ssl_mode = MySqlSslMode::VerifyCa,
                "usessl" | "ssl" => ssl_mode = MySqlSslMode::Disabled,
                "requiressl" | "verifyservercertificate" => {}
                "sslca" => options = options.ssl_ca(value),
                "sslcert" => options = options.ssl_client_cert(value),
                "sslkey" => options = options.ssl_client_key(value),
                "charset" => {
                    options = options.charset(value.split(',').next().unwrap_or_default());
                }
                name if MEANT_FOR_OTHERS.contains(&name) => {}
                _ => return Err(BadDsn::Parameter(key.clone())),
            }
        }
        Ok(Dsn::MySql(Box::new(options.ssl_mode(ssl_mode))))
    }
}

/// Parameters of other drivers that say nothing to ours: text is UTF-8 and times are UTC, always; the pool and its time
/// limits have settings of their own.
const MEANT_FOR_OTHERS: &[&str] = &[
    "allowcleartextpasswords",
    "allownativepasswords",
    "allowpublickeyretrieval",
    "autoreconnect",
    "cacheprepstmts",
    "characterencoding",
    "checkconnliveness",
    "clientfoundrows",
    "collation",
    "columnswithalias",
    "connectionattributes",
    "connectioncollation",
    "connectionlimit",
    "connecttimeout",
    "interpolateparams",
    "loc",
    "maxallowedpacket",
    "multistatements",
    "parsetime",
    "pool",
    "readtimeout",
    "reconnect",
    "rejectreadonly",
    "rewritebatchedstatements",
    "servertimezone",
    "serverversion",
    "sockettimeout",
    "statementcachecapacity",
    "tcpkeepalive",
    "timeout",
    "timezone",
    "tinyint1isbit",
    "uselegacydatetimecode",
    "useserverprepstmts",
    "useunicode",
    "writetimeout",
    "zerodatetimebehavior",
];

/// A parameter's name as all drivers would write it.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase().replace(['-', '_'], "")
}

fn is_true(text: &str) -> Result<bool, BadDsn> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        "false" | "0" | "no" => Ok(false),
        _ => Err(BadDsn::SslMode(text.to_owned())),
    }
}

/// A mode that checks more than `least` stays, whichever parameter came first.
fn stricter(mode: MySqlSslMode, least: MySqlSslMode) -> MySqlSslMode {
    match mode {
        MySqlSslMode::VerifyCa | MySqlSslMode::VerifyIdentity => mode,
        _ => least,
    }
}

fn parse_ssl_mode(text: &str) -> Result<MySqlSslMode, BadDsn> {
    match text.to_ascii_lowercase().replace('-', "_").as_str() {
        "disabled" | "disable" => Ok(MySqlSslMode::Disabled),
        "preferred" | "prefer" => Ok(MySqlSslMode::Preferred),
        "required" | "require" | "trust" => Ok(MySqlSslMode::Required),
        "verify_ca" => Ok(MySqlSslMode::VerifyCa),
        "verify_identity" | "verify_full" => Ok(MySqlSslMode::VerifyIdentity),
        _ => Err(BadDsn::SslMode(text.to_owned())),
    }
}

fn parse_go_tls(text: &str) -> Result<MySqlSslMode, BadDsn> {
    match text.to_ascii_lowercase().as_str() {
        "false" | "0" => Ok(MySqlSslMode::Disabled),
        "preferred" => Ok(MySqlSslMode::Preferred),
        "skip-verify" => Ok(MySqlSslMode::Required),
        "true" | "1" => Ok(MySqlSslMode::VerifyIdentity),
        _ => Err(BadDsn::SslMode(text.to_owned())),
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What follows the last @ is shown in logs, so all before it must have been taken for the account.
fn ensure_no_at(parts: &[&str]) -> Result<(), BadDsn> {
    if parts.iter().any(|part| part.contains('@')) {
        return Err(BadDsn::At);
    }
    Ok(())
}

fn parameters(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), decode(value)))
        .collect()
}

fn split_account(account: &str) -> (&str, Option<&str>) {
    account
        .split_once(':')
        .map_or((account, None), |(user, password)| (user, Some(password)))
}

fn split_host_port(text: &str) -> Result<(String, u16), BadDsn> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((v6, rest)) => (v6, rest.strip_prefix(':')),
        None => text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err(BadDsn::Missing("the host"));
    }
    let port = port.map_or(Ok(3306), |port| port.parse().map_err(|_| BadDsn::Port))?;
    if port == 0 {
        Err(BadDsn::Port)
    } else {
        Ok((host.to_owned(), port))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        "mysql://u:p%40ss@db.example:3307/tandem?ssl-mode=required",
        "mysql://db.example:3307/tandem"
    )]
    #[case(
        "u:p@ss/w:rd@tcp(10.0.0.1:3306)/tandem?parseTime=true&loc=UTC",
        "mysql://10.0.0.1:3306/tandem"
    )]
    #[case("u:p@tcp([::1]:3306)/tandem", "mysql://::1:3306/tandem")]
    #[case("u@unix(/run/mysqld.sock)/tandem", "mysql://localhost:3306/tandem")]
    #[case("mysql://u:p@h/d/", "mysql://h:3306/d")]
    #[case("MySQL://u:p@h/d", "mysql://h:3306/d")]
    #[case("mariadb://u:p@h:3307/d", "mysql://h:3307/d")]
    #[case("mysql+pymysql://u:p@h/d?charset=utf8mb4", "mysql://h:3306/d")]
    #[case(
        "mysql://u:p@h/d?socket=/run/s&statement-cache-capacity=9",
        "mysql://h:3306/d"
    )]
    #[case(
        "mysql://u:p@h/d?reconnect=true&pool=5&timezone=%2B00:00",
        "mysql://h:3306/d"
    )]
    #[case("u:p@tcp(h)/d", "mysql://h:3306/d")]
    #[case("u:p@/d", "mysql://127.0.0.1:3306/d")]
    #[case("u:p@tcp/d", "mysql://127.0.0.1:3306/d")]
    #[case(
        "u:p?w@tcp(h:3306)/d?charset=utf8mb4,utf8&multiStatements=true",
        "mysql://h:3306/d"
    )]
    #[case(
        "u:p@tcp(h)/d?tls=skip-verify&interpolateParams=true&readTimeout=3s",
        "mysql://h:3306/d"
    )]
    #[case("jdbc:mysql://h/d?useSSL=true&user=u&password=p", "mysql://h:3306/d")]
    #[case(
        "jdbc:mysql://h:3307/d?user=u&password=p%40ss&serverTimezone=UTC",
        "mysql://h:3307/d"
    )]
    #[case(
        "jdbc:mariadb://u:p@h/d?sslMode=verify-full&useUnicode=true",
        "mysql://h:3306/d"
    )]
    #[case(
        "jdbc:mysql://h/d?user=u&allowPublicKeyRetrieval=true&characterEncoding=utf8",
        "mysql://h:3306/d"
    )]
    #[case(" mysql://u:p@h/d ", "mysql://h:3306/d")]
    #[case("sqlite://data/tandem.db", "sqlite://data/tandem.db")]
    #[case("sqlite:/var/lib/tandem.db?mode=rwc", "sqlite:///var/lib/tandem.db")]
    fn reads_every_form(#[case] text: &str, #[case] shown: &str) {
        assert_eq!(text.parse::<Dsn>().unwrap().to_string(), shown);
    }

    #[rstest]
    #[case("postgres://h/d", BadDsn::Scheme("postgres://h/d".into()))]
    #[case("mysql://u:p@h:x/d", BadDsn::Port)]
    #[case("mysql://u:p@h:0/d", BadDsn::Port)]
    #[case("mysql://u:p@h/", BadDsn::Missing("the database name"))]
    #[case("mysql://u:p@/d", BadDsn::Missing("the host"))]
    #[case("mysql://u:p@h/d?sslcrl=x", BadDsn::Parameter("sslcrl".into()))]
    #[case("jdbc:mysql://h/d?user=u&password=p@ss", BadDsn::At)]
    #[case("jdbc:postgresql://h/d", BadDsn::Scheme("jdbc:postgresql://h/d".into()))]
    #[case("jdbc:mysql://h/d?useSSL=maybe", BadDsn::SslMode("maybe".into()))]
    #[case("u:p@cloudsql(a:b:c)/d", BadDsn::Protocol("cloudsql".into()))]
    #[case("mysql://u:a@b/secret@h", BadDsn::At)]
    #[case("mysql://u:1/b?secret=c@h/d", BadDsn::At)]
    #[case("u:a@b/secret@tcp(h)", BadDsn::At)]
    #[case("mysql://u:p@h/d?ssl-mode=maybe", BadDsn::SslMode("maybe".into()))]
    #[case("sqlite://", BadDsn::Missing("the path"))]
    fn says_what_is_wrong(#[case] text: &str, #[case] error: BadDsn) {
        assert_eq!(text.parse::<Dsn>().unwrap_err(), error);
    }

    #[test]
    fn tls_is_never_dropped() {
        for (parameter, mode) in [
            ("ssl-mode=verify_identity", "VerifyIdentity"),
            ("tls=true", "VerifyIdentity"),
            ("sslMode=VERIFY_IDENTITY", "VerifyIdentity"),
            ("sslmode=verify-full", "VerifyIdentity"),
            ("ssl_mode=required&useSSL=true", "Required"),
            ("useSSL=true", "Required"),
            ("ssl=1", "Required"),
            ("requireSSL=true", "Required"),
            ("useSSL=true&verifyServerCertificate=true", "VerifyCa"),
            ("verifyServerCertificate=true&useSSL=true", "VerifyCa"),
            ("useSSL=true&sslMode=VERIFY_CA", "VerifyCa"),
            ("useSSL=false", "Disabled"),
            ("tls=skip-verify", "Required"),
        ] {
            let Ok(Dsn::MySql(options)) = format!("mysql://u:p@h/d?{parameter}").parse() else {
                panic!("{parameter} was refused");
            };
            assert_eq!(format!("{:?}", options.get_ssl_mode()), mode);
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_never_tells_the_password(text in "\\PC{0,40}") {
            let dsn = format!("mysql://user:hunter2@{text}");
            let shown = match dsn.parse::<Dsn>() { Ok(dsn) => dsn.to_string(), Err(error) => error.to_string() };
            prop_assert!(!shown.contains("hunter2"));
            let _ = text.parse::<Dsn>();
        }
    }
}
