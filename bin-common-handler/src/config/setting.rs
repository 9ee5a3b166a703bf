//! A setting as a typed constant: a misspelt name or a wrong kind does not compile.
//!
//! ```
//! use std::time::Duration;
//! use bin_common_handler::config::{AnySetting, Setting};
//!
//! pub const LEASE: Setting<Duration> =
//!     Setting::duration("LEASE", "3s", 0..=4_999, "How long it is taken", "3s");
//! pub const SETTINGS: &[AnySetting] = &[LEASE.erased()];
//! ```

use std::{
    marker::PhantomData, net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration,
};

use super::kinds::{Kind, ms_of, number_of, parse_bool, parse_duration, parse_listen_address};
use crate::redact::Secret;

/// A setting whose value is a `T`: what the program asks [`Config::get`](super::Config::get) with.
#[derive(Debug)]
pub struct Setting<T> {
    entry: AnySetting,
    /// The default of numbers (as it is), time spans (in ms) and flags (0 or 1).
    fallback: u64,
    value: PhantomData<fn() -> T>,
}

/// A setting without its type: an entry of a table of settings.
#[derive(Debug, Clone, Copy)]
pub struct AnySetting {
    /// The environment variable, e.g. `DATABASE_DSN`.
    pub name: &'static str,
    /// Its value when nobody sets it; empty for none.
    pub default: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// A value that works, for the error that asks for one.
    pub example: &'static str,
    pub(super) kind: Kind,
}

/// What a setting can be. Sealed: each has its checks in `Kind`.
pub trait SettingValue: Sized + sealed::Sealed {
    /// Reads a text that was checked at start.
    #[doc(hidden)]
    fn read(text: &str, fallback: u64) -> Self;
}

mod sealed {
    pub trait Sealed {}
}

impl<T> Setting<T> {
    const fn new(
        kind: Kind,
        fallback: u64,
        [name, default, help, example]: [&'static str; 4],
    ) -> Self {
        Self {
            entry: AnySetting {
                name,
                default,
                help,
                example,
                kind,
            },
            fallback,
            value: PhantomData,
        }
    }

    /// The environment variable, for a message that tells people what to change.
    pub const fn name(&self) -> &'static str {
        self.entry.name
    }

    /// As an entry of a table.
    pub const fn erased(&self) -> AnySetting {
        self.entry
    }
}

impl<T: SettingValue> Setting<T> {
    /// Its value where the table of the process lacks it, which is a programming error.
    pub(super) fn default_value(&self) -> T {
        T::read(self.entry.default, self.fallback)
    }

    pub(super) fn read(&self, text: &str) -> T {
        T::read(text, self.fallback)
    }
}

impl Setting<bool> {
    /// True or false.
    pub const fn flag(
        name: &'static str,
        default: bool,
        help: &'static str,
        example: &'static str,
    ) -> Self {
        let text = if default { "true" } else { "false" };
        Self::new(Kind::Bool, default as u64, [name, text, help, example])
    }
}

impl Setting<Duration> {
    /// A time span such as `3s`, `250ms`, `6h`; a bare number is seconds. Bounds in milliseconds.
    ///
    /// # Panics
    /// When the default is no time span within the bounds; a constant then does not compile.
    pub const fn duration(
        name: &'static str,
        default: &'static str,
        ms: RangeInclusive<u64>,
        help: &'static str,
        example: &'static str,
    ) -> Self {
        let (min_ms, max_ms, fallback) = (*ms.start(), *ms.end(), ms_of(default));
        assert!(
            min_ms <= fallback && fallback <= max_ms,
            "the default is out of its own bounds"
        );
        let kind = Kind::Duration { min_ms, max_ms };
        Self::new(kind, fallback, [name, default, help, example])
    }
}

impl Setting<u64> {
    /// A whole number.
    ///
    /// # Panics
    /// When the default is no number within the bounds; a constant then does not compile.
    pub const fn number(
        name: &'static str,
        default: &'static str,
        bounds: RangeInclusive<u64>,
        help: &'static str,
        example: &'static str,
    ) -> Self {
        let (min, max, (fallback, end)) = (*bounds.start(), *bounds.end(), number_of(default));
        assert!(
            end == default.len() && min <= fallback && fallback <= max,
            "the default is out of its own bounds"
        );
        let kind = Kind::Number { min, max };
        Self::new(kind, fallback, [name, default, help, example])
    }
}

/// Constructors that differ only in what is checked.
macro_rules! texts {
    ($value:ty: $($(#[$doc:meta])* $name:ident = $kind:ident;)*) => {
        impl Setting<$value> {
            $($(#[$doc])*
            pub const fn $name(
                name: &'static str,
                default: &'static str,
                help: &'static str,
                example: &'static str,
            ) -> Self {
                Self::new(Kind::$kind, 0, [name, default, help, example])
            })*
        }
    };
}

texts! { String:
    /// Anything.
    text = Text;
    /// A path of a URI; it starts with `/`.
    uri_path = UriPath;
    /// `https://host` or `http://host:port`, perhaps with a path.
    web_address = WebAddress;
    /// As [`Self::web_address`], without the path of a webhook, which is added to it.
    public_url = PublicUrl;
    /// A mail address.
    mail_address = MailAddress;
    /// A mail address, or `Name <address>`.
    mail_sender = MailSender;
}

texts! { PathBuf:
    /// A folder or a file.
    path = Text;
}

texts! { Option<SocketAddr>:
    /// `host:port` to listen on, or `:port` for every interface.
    listen_address = ListenAddress;
}

texts! { Secret:
    /// Anything, never shown.
    secret = Secret;
    /// A key that callers show: long enough not to be guessed.
    access_key = AccessKey;
    /// A key of hashes: long enough that nobody tries them all.
    hash_key = HashKey;
    /// Keys of secrets at rest, the newest first.
    seal_keys = SealKeys;
    /// `smtp://` or `smtps://`, with user, password and host.
    smtp_url = SmtpUrl;
    /// `user:password`.
    login = Login;
    /// A database address.
    dsn = Dsn;
    /// A RabbitMQ address.
    amqp = Amqp;
    /// `host:port`, `redis://…` or `rediss://…`.
    redis = Redis;
}

impl Setting<String> {
    /// One of these words.
    pub const fn one_of(
        name: &'static str,
        default: &'static str,
        words: &'static [&'static str],
        help: &'static str,
        example: &'static str,
    ) -> Self {
        Self::new(Kind::OneOf(words), 0, [name, default, help, example])
    }
}

/// Says how each type is read.
macro_rules! values {
    ($($value:ty: |$text:ident, $fallback:ident| $read:expr;)*) => {
        $(impl sealed::Sealed for $value {}
        impl SettingValue for $value {
            fn read($text: &str, $fallback: u64) -> Self {
                $read
            }
        })*
    };
}

values! {
    bool: |text, fallback| parse_bool(text).unwrap_or(fallback != 0);
    Duration: |text, fallback| parse_duration(text).unwrap_or(Duration::from_millis(fallback));
    u64: |text, fallback| text.parse().unwrap_or(fallback);
    String: |text, _fallback| text.to_owned();
    PathBuf: |text, _fallback| Self::from(text);
    Option<SocketAddr>: |text, _fallback| parse_listen_address(text).ok();
    Secret: |text, _fallback| Self::new(text);
}
