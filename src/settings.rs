//! The settings of all managers together, and those of them that a command may need.

use bin_common_handler::config::{BadConfig, COMMON, Config, Setting};
use clap::{Arg, Command};
use tandem::managers;

/// The common settings and each manager's own, each once.
pub fn all() -> Vec<Setting> {
    let own = managers::ALL.iter().flat_map(|manager| manager.settings);
    let mut all: Vec<Setting> = Vec::new();
    for setting in COMMON.iter().chain(own) {
        if !all.iter().any(|known| known.name == setting.name) {
            all.push(*setting);
        }
    }
    all
}

/// A flag for each setting; only those named in `shown` are listed in the help.
pub fn flags_shown(shown: &[&str]) -> impl Iterator<Item = Arg> {
    let flags = Config::flags(Command::new("settings"), &all());
    let flags: Vec<_> = flags.get_arguments().cloned().collect();
    flags.into_iter().map(|flag| {
        let is_shown = shown.contains(&flag.get_id().as_str());
        flag.hide(!is_shown)
    })
}

/// Settings from the file and the environment, for commands whose flags are others.
///
/// # Errors
/// Names the setting that is wrong.
pub fn without_flags() -> Result<Config, BadConfig> {
    let command = Config::flags(Command::new("tandem"), &all());
    Config::load(&all(), &command.get_matches_from(["tandem"]))
}
