//! The log: text for people, JSON for machines, to standard error.

use tracing_subscriber::{EnvFilter, fmt};

use super::Manager;
use crate::config::{Config, settings};

/// Libraries say no more than this: their debug lines may hold what ours must not. The AMQP client reports
/// to its caller what it also logs, and the probe for the delay plugin fails on purpose.
const LIBRARIES: &str = "warn,lapin=off";
/// The crates whose lines follow LOG_LEVEL in every process, beside those of its managers.
const OWN: [&str; 3] = ["tandem", "http_bridge", "bin_common_handler"];

pub(super) fn init(config: &Config, managers: &[Manager]) {
    let crates = managers.iter().map(|manager| manager.crate_name);
    let filter = EnvFilter::new(directives(&config.get(&settings::LOG_LEVEL), crates));
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

fn directives<'c>(level: &str, crates: impl Iterator<Item = &'c str>) -> String {
    let own = OWN.into_iter().chain(crates);
    own.fold(LIBRARIES.to_owned(), |all, name| {
        format!("{all},{name}={level}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crates_of_the_managers_follow_the_level_and_libraries_do_not() {
        let said = directives("debug", ["bin_new_manager"].into_iter());
        let expected = "warn,lapin=off,tandem=debug,http_bridge=debug,bin_common_handler=debug,bin_new_manager=debug";
        assert_eq!(said, expected);
    }
}
