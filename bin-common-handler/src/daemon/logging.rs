//! The log: text for people, JSON for machines, to standard error.

use tracing_subscriber::{EnvFilter, fmt};

use crate::config::{Config, settings};

/// Libraries say no more than this: their debug lines may hold what ours must not. The AMQP client reports
/// to its caller what it also logs, and the probe for the delay plugin fails on purpose.
const LIBRARIES: &str = "warn,lapin=off";
/// The crates whose lines follow LOG_LEVEL.
const OWN: [&str; 9] = [
    "tandem",
    "http_bridge",
    "bin_common_handler",
    "bin_outdial_manager",
    "outdial_manager",
    "bin_did_manager",
    "did_manager",
    "bin_call_manager",
    "call_manager",
];

pub(super) fn init(config: &Config) {
    let level = config.get(&settings::LOG_LEVEL);
    let own = OWN.map(|name| format!("{name}={level}")).join(",");
    let filter = EnvFilter::new(format!("{LIBRARIES},{own}"));
    let builder = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_target(false);
    // A second daemon in the same process (tests) keeps the first one's log.
    let _ = if config.get(&settings::LOG_FORMAT) == "json" {
        builder.json().flatten_event(true).try_init()
    } else {
        builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .try_init()
    };
}
