//! The settings that every daemon has, under voipbin's names.

use std::{net::SocketAddr, path::PathBuf};

use super::{AnySetting, Setting};
use crate::redact::Secret;

/// The database; empty for SQLite in DATA_DIR.
pub const DATABASE_DSN: Setting<Secret> = Setting::dsn(
    "DATABASE_DSN",
    "",
    "Database: mysql:// URL, Go's user:password@tcp(host:3306)/name, JDBC's jdbc:mysql://, or sqlite://path; TLS by ?ssl-mode=required, verify_ca or verify_identity and &ssl-ca=FILE; without it SQLite in DATA_DIR",
    "mysql://user:password@127.0.0.1:3306/tandem",
);

/// Connections to the database at most.
pub const DATABASE_CONNECTIONS: Setting<u64> = Setting::number(
    "DATABASE_CONNECTIONS",
    "24",
    2..=1_000,
    "Connections to MySQL or MariaDB at most",
    "24",
);

/// Whether the schema is brought up to date at start.
pub const MIGRATE_AT_START: Setting<bool> = Setting::flag(
    "MIGRATE_AT_START",
    true,
    "Bring the schema up to date at start",
    "false",
);

/// The broker; empty for the bus inside the process.
pub const RABBITMQ_ADDRESS: Setting<Secret> = Setting::amqp(
    "RABBITMQ_ADDRESS",
    "",
    "Broker: amqp:// or, for TLS, amqps://; without a virtual host the default one; without an address a bus inside this process",
    "amqp://user:password@127.0.0.1:5672",
);

/// The cache; empty for the one inside the process.
pub const REDIS_ADDRESS: Setting<Secret> = Setting::redis(
    "REDIS_ADDRESS",
    "",
    "Cache: host:port, redis:// or, for TLS, rediss://; without it one inside this process; needed with MySQL or MariaDB",
    "127.0.0.1:6379",
);

/// Password of the cache.
pub const REDIS_PASSWORD: Setting<Secret> =
    Setting::secret("REDIS_PASSWORD", "", "Password of Redis", "secret");

/// Number of the Redis database.
pub const REDIS_DATABASE: Setting<u64> = Setting::number(
    "REDIS_DATABASE",
    "1",
    0..=65_535,
    "Number of the Redis database",
    "1",
);

/// Path of the metrics.
pub const PROMETHEUS_ENDPOINT: Setting<String> = Setting::uri_path(
    "PROMETHEUS_ENDPOINT",
    "/metrics",
    "Path of the metrics",
    "/metrics",
);

/// Where metrics and health are served.
pub const PROMETHEUS_LISTEN_ADDRESS: Setting<Option<SocketAddr>> = Setting::listen_address(
    "PROMETHEUS_LISTEN_ADDRESS",
    "127.0.0.1:2112",
    "Where metrics, /healthz and /readyz are served to anybody who reaches the port; in a container 0.0.0.0:2112",
    "127.0.0.1:2112",
);

/// Where the bridge listens.
pub const HTTP_LISTEN_ADDRESS: Setting<Option<SocketAddr>> = Setting::listen_address(
    "HTTP_LISTEN_ADDRESS",
    "127.0.0.1:8080",
    "Where the HTTP bridge listens",
    "127.0.0.1:8080",
);

/// The operator's key; empty for the one kept in DATA_DIR.
pub const BRIDGE_ACCESS_KEY: Setting<Secret> = Setting::access_key(
    "BRIDGE_ACCESS_KEY",
    "",
    "Key that HTTP callers show as x-api-key or Authorization: Bearer; without it one is made and kept in DATA_DIR/bridge.key",
    "at least 16 characters, such as $(openssl rand -hex 32)",
);

/// HTTP requests a second of a key, and of a customer; 0 = no limit.
pub const RATE_LIMIT_PER_SECOND: Setting<u64> = Setting::number(
    "RATE_LIMIT_PER_SECOND",
    "100",
    0..=1_000_000,
    "HTTP requests a second of each access key, and of each customer, that has no rate of its own; 0 = no limit",
    "100",
);

/// HTTP requests at once before the rate holds.
pub const RATE_LIMIT_BURST: Setting<u64> = Setting::number(
    "RATE_LIMIT_BURST",
    "500",
    1..=1_000_000,
    "HTTP requests at once before that rate holds",
    "500",
);

/// Connections of the bridge at most, sockets included.
pub const BRIDGE_CONNECTIONS: Setting<u64> = Setting::number(
    "BRIDGE_CONNECTIONS",
    "4096",
    16..=65_536,
    "Connections of the bridge at most, sockets included, as far as the limit of open files allows; one address has three quarters",
    "16000",
);

/// Webhooks a second of one address; 0 = no limit.
pub const WEBHOOK_RATE_LIMIT_PER_SECOND: Setting<u64> = Setting::number(
    "WEBHOOK_RATE_LIMIT_PER_SECOND",
    "1000",
    0..=1_000_000,
    "Signed webhooks a second of one address; an address whose signatures are wrong has RATE_LIMIT_PER_SECOND; 0 = no limit",
    "1000",
);

/// Imports that one customer may have running.
pub const BULK_REQUESTS_PER_CUSTOMER: Setting<u64> = Setting::number(
    "BULK_REQUESTS_PER_CUSTOMER",
    "8",
    1..=64,
    "Imports over HTTP that one customer may have running",
    "8",
);

/// Bodies of one customer's requests under way, in MiB.
pub const BODY_MIB_PER_CUSTOMER: Setting<u64> = Setting::number(
    "BODY_MIB_PER_CUSTOMER",
    "32",
    1..=256,
    "Bodies of one customer's other HTTP requests under way, together, in MiB",
    "32",
);

/// MiB a second that one customer may store; 0 = no limit.
pub const STORE_MIB_PER_SECOND: Setting<u64> = Setting::number(
    "STORE_MIB_PER_SECOND",
    "4",
    0..=100_000,
    "MiB a second that one customer may send to be stored, at each daemon; 0 = no limit",
    "4",
);

/// MiB at once before that rate holds.
pub const STORE_MIB_BURST: Setting<u64> = Setting::number(
    "STORE_MIB_BURST",
    "64",
    1..=100_000,
    "MiB at once before that rate holds",
    "64",
);

/// The address under which callers of webhooks reach the bridge.
pub const PUBLIC_URL: Setting<String> = Setting::public_url(
    "PUBLIC_URL",
    "",
    "Where callers of webhooks reach the HTTP bridge, such as a proxy's address; signatures are over it; without it what their Host says",
    "https://voice.example.com",
);

/// Where the carrier's API is.
pub const TWILIO_BASE_URL: Setting<String> = Setting::web_address(
    "TWILIO_BASE_URL",
    "https://api.twilio.com",
    "Where the API of the carrier of texts and calls is: Twilio's, or that of a compatible carrier",
    "https://api.twilio.com",
);

/// Origins that browsers may call from, separated by commas.
pub const BRIDGE_CORS_ORIGINS: Setting<String> = Setting::text(
    "BRIDGE_CORS_ORIGINS",
    "",
    "Origins that browsers may call from, separated by commas; none by default",
    "https://app.example.com",
);

/// Whether webhook-manager gets each event too.
pub const WEBHOOK_FORWARDING: Setting<bool> = Setting::flag(
    "WEBHOOK_FORWARDING",
    false,
    "Send each event to webhook-manager too",
    "true",
);

/// The folder of everything that is kept in files.
pub const DATA_DIR: Setting<PathBuf> = Setting::path(
    "DATA_DIR",
    "./data",
    "Where the embedded database, the bridge's key, its lock and exports are kept; nobody else may enter it (0700, files 0600)",
    "./data",
);

/// Keys of secrets at rest; empty for the one kept in DATA_DIR, with the embedded database only.
pub const SECRETS_KEY: Setting<Secret> = Setting::seal_keys(
    "SECRETS_KEY",
    "",
    "Keys that secrets at rest are encrypted with, separated by commas, the newest first; with SQLite one is made and kept in DATA_DIR/secrets.key. Without its key a secret is lost",
    "32 or more characters such as $(openssl rand -hex 32)",
);

/// Whether third parties may have private addresses.
pub const ALLOW_PRIVATE_ENDPOINTS: Setting<bool> = Setting::flag(
    "ALLOW_PRIVATE_ENDPOINTS",
    false,
    "Let requests to third parties reach private and loopback addresses, too: for tests and closed networks",
    "true",
);

/// MiB that should be free where DATA_DIR lies.
pub const DISK_ALARM_MB: Setting<u64> = Setting::number(
    "DISK_ALARM_MB",
    "256",
    0..=1_000_000_000,
    "MiB that should be free where DATA_DIR lies; with less, health says reduced",
    "256",
);

/// How much is logged.
pub const LOG_LEVEL: Setting<String> = Setting::one_of(
    "LOG_LEVEL",
    "info",
    &["error", "warn", "info", "debug", "trace"],
    "error, warn, info, debug or trace",
    "info",
);

/// How it is written.
pub const LOG_FORMAT: Setting<String> = Setting::one_of(
    "LOG_FORMAT",
    "text",
    &["text", "json"],
    "text or json",
    "json",
);

/// Where spans are sent; empty = nowhere.
pub const OTLP_ENDPOINT: Setting<String> = Setting::web_address(
    "OTLP_ENDPOINT",
    "",
    "Collector that gets the spans of requests by OTLP over HTTP (JSON), at /v1/traces of this address; without it no span is recorded",
    "http://127.0.0.1:4318",
);

/// Settings of every daemon.
pub const COMMON: &[AnySetting] = &[
    DATABASE_DSN.erased(),
    DATABASE_CONNECTIONS.erased(),
    MIGRATE_AT_START.erased(),
    RABBITMQ_ADDRESS.erased(),
    REDIS_ADDRESS.erased(),
    REDIS_PASSWORD.erased(),
    REDIS_DATABASE.erased(),
    PROMETHEUS_ENDPOINT.erased(),
    PROMETHEUS_LISTEN_ADDRESS.erased(),
    HTTP_LISTEN_ADDRESS.erased(),
    BRIDGE_ACCESS_KEY.erased(),
    RATE_LIMIT_PER_SECOND.erased(),
    RATE_LIMIT_BURST.erased(),
    BRIDGE_CONNECTIONS.erased(),
    WEBHOOK_RATE_LIMIT_PER_SECOND.erased(),
    BULK_REQUESTS_PER_CUSTOMER.erased(),
    BODY_MIB_PER_CUSTOMER.erased(),
    STORE_MIB_PER_SECOND.erased(),
    STORE_MIB_BURST.erased(),
    PUBLIC_URL.erased(),
    TWILIO_BASE_URL.erased(),
    BRIDGE_CORS_ORIGINS.erased(),
    WEBHOOK_FORWARDING.erased(),
    DATA_DIR.erased(),
    SECRETS_KEY.erased(),
    ALLOW_PRIVATE_ENDPOINTS.erased(),
    DISK_ALARM_MB.erased(),
    LOG_LEVEL.erased(),
    LOG_FORMAT.erased(),
    OTLP_ENDPOINT.erased(),
];
