//! The managers that exist, and what follows from them.

use std::sync::LazyLock;

use bin_common_handler::{
    config::{AnySetting, COMMON},
    daemon::Manager,
    listenhandler::Scopes,
};

/// Every manager, in the order in which they are started.
pub const ALL: &[Manager] = &[
    bin_did_manager::MANAGER,
    bin_outdial_manager::MANAGER,
    bin_call_manager::MANAGER,
    bin_chat_manager::MANAGER,
];

/// What access keys may be allowed to do.
pub static SCOPES: LazyLock<Scopes> = LazyLock::new(|| {
    let tables: Vec<_> = ALL
        .iter()
        .map(|manager| (manager.name, (manager.routes)()))
        .collect();
    Scopes::new(&tables, true)
});

/// The common settings and each manager's own, each once: some are shared by managers.
pub fn settings(managers: &[Manager]) -> Vec<AnySetting> {
    let own = managers.iter().flat_map(|manager| manager.settings);
    let mut all: Vec<AnySetting> = Vec::new();
    for setting in COMMON.iter().chain(own) {
        if !all.iter().any(|known| known.name == setting.name) {
            all.push(*setting);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use bin_common_handler::config::Config;
    use clap::Command;

    use super::*;

    #[test]
    fn the_settings_of_any_process_make_flags_that_are_there_once() {
        Config::flags(Command::new("bridge"), &settings(ALL)).debug_assert();
        for manager in ALL {
            let own = COMMON
                .iter()
                .chain(manager.settings)
                .copied()
                .collect::<Vec<_>>();
            Config::flags(Command::new("daemon"), &own).debug_assert();
        }
    }

    #[test]
    fn the_scopes_that_keys_have_today_stay() {
        let expected = [
            "did:next",
            "did:report",
            "did:read",
            "did:write",
            "key:read",
            "key:write",
            "audit:read",
            "outdial:read",
            "outdial:write",
            "exchange:read",
            "exchange:write",
            "chat:read",
            "chat:write",
        ];
        assert_eq!(
            SCOPES.known(),
            expected,
            "keys have these scopes; those of a new manager are put at the end"
        );
    }

    #[test]
    fn every_managers_crate_is_named_after_it() {
        for manager in ALL {
            let expected = format!("bin_{}", manager.name.replace('-', "_"));
            assert_eq!(manager.crate_name, expected);
        }
    }
}
