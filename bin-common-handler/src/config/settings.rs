//! The settings that every daemon has, under voipbin's names.

use super::{Kind, Setting};

/// Settings of every daemon.
pub const COMMON: &[Setting] = &[
    Setting {
        name: "DATABASE_DSN",
        default: "",
        kind: Kind::Dsn,
        help: "Database; without it SQLite in DATA_DIR",
        example: "mysql://user:password@127.0.0.1:3306/tandem",
    },
    Setting {
        name: "DATABASE_CONNECTIONS",
        default: "24",
        kind: Kind::Number { min: 2, max: 1_000 },
        help: "Connections to MySQL or MariaDB at most",
        example: "24",
    },
    Setting {
        name: "MIGRATE_AT_START",
        default: "true",
        kind: Kind::Bool,
        help: "Bring the schema up to date at start",
        example: "false",
    },
    Setting {
        name: "RABBITMQ_ADDRESS",
        default: "",
        kind: Kind::Amqp,
        help: "Broker; without it a bus inside this process",
        example: "amqp://user:password@127.0.0.1:5672",
    },
    Setting {
        name: "REDIS_ADDRESS",
        default: "",
        kind: Kind::Redis,
        help: "Cache, host:port or rediss:// for TLS; without it one inside this process",
        example: "127.0.0.1:6379",
    },
    Setting {
        name: "REDIS_PASSWORD",
        default: "",
        kind: Kind::Secret,
        help: "Password of Redis",
        example: "secret",
    },
    Setting {
        name: "REDIS_DATABASE",
        default: "1",
        kind: Kind::Number {
            min: 0,
            max: 65_535,
        },
        help: "Number of the Redis database",
        example: "1",
    },
    Setting {
        name: "PROMETHEUS_ENDPOINT",
        default: "/metrics",
        kind: Kind::UriPath,
        help: "Path of the metrics",
        example: "/metrics",
    },
    Setting {
        name: "PROMETHEUS_LISTEN_ADDRESS",
        default: ":2112",
        kind: Kind::ListenAddress,
        help: "Where metrics, /healthz and /readyz are served",
        example: ":2112",
    },
    Setting {
        name: "HTTP_LISTEN_ADDRESS",
        default: "127.0.0.1:8080",
        kind: Kind::ListenAddress,
        help: "Where the HTTP bridge listens",
        example: "127.0.0.1:8080",
    },
    Setting {
        name: "BRIDGE_ACCESS_KEY",
        default: "",
        kind: Kind::AccessKey,
        help: "Key that HTTP callers must show; without it one is made and kept in DATA_DIR/bridge.key",
        example: "at least 16 characters, such as $(openssl rand -hex 32)",
    },
    Setting {
        name: "RATE_LIMIT_PER_SECOND",
        default: "100",
        kind: Kind::Number {
            min: 0,
            max: 1_000_000,
        },
        help: "HTTP requests a second of each access key, and of each customer, that has no rate of its own; 0 = no limit",
        example: "100",
    },
    Setting {
        name: "RATE_LIMIT_BURST",
        default: "500",
        kind: Kind::Number {
            min: 1,
            max: 1_000_000,
        },
        help: "HTTP requests at once before that rate holds",
        example: "500",
    },
    Setting {
        name: "BRIDGE_CORS_ORIGINS",
        default: "",
        kind: Kind::Text,
        help: "Origins that browsers may call from, separated by commas; none by default",
        example: "https://app.example.com",
    },
    Setting {
        name: "WEBHOOK_FORWARDING",
        default: "false",
        kind: Kind::Bool,
        help: "Send each event to webhook-manager too",
        example: "true",
    },
    Setting {
        name: "DATA_DIR",
        default: "./data",
        kind: Kind::Text,
        help: "Where the embedded database and the bridge's key are kept",
        example: "./data",
    },
    Setting {
        name: "DISK_ALARM_MB",
        default: "256",
        kind: Kind::Number {
            min: 0,
            max: 1_000_000_000,
        },
        help: "MiB that should be free where DATA_DIR lies; with less, health says reduced",
        example: "256",
    },
    Setting {
        name: "LOG_LEVEL",
        default: "info",
        kind: Kind::OneOf(&["error", "warn", "info", "debug", "trace"]),
        help: "error, warn, info, debug or trace",
        example: "info",
    },
    Setting {
        name: "LOG_FORMAT",
        default: "text",
        kind: Kind::OneOf(&["text", "json"]),
        help: "text or json",
        example: "json",
    },
];
