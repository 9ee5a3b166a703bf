//! What the managers of a process are called here: a setting may have given one another name.

use std::{collections::HashMap, sync::Arc};

use super::Manager;

/// The present names of managers, by their usual ones. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Siblings(Arc<HashMap<String, &'static str>>);

impl Siblings {
    /// Of the managers of this process; all others have their usual names.
    pub(crate) fn of(managers: &[Manager]) -> Self {
        let renamed = managers.iter().filter_map(|manager| {
            let usual = manager.crate_name.strip_prefix("bin_")?.replace('_', "-");
            (usual != manager.name).then_some((usual, manager.name))
        });
        Self(Arc::new(renamed.collect()))
    }

    /// What `service` is called here.
    pub fn name<'n>(&self, service: &'n str) -> &'n str {
        self.0.get(service).copied().unwrap_or(service)
    }

    /// A pattern of topics, which begins with the name of a service.
    pub fn pattern(&self, pattern: &'static str) -> &'static str {
        let Some((service, rest)) = pattern.split_once('.') else {
            return pattern;
        };
        match self.0.get(service) {
            // For the life of the process, once for each subscription.
            Some(name) => format!("{name}.{rest}").leak(),
            None => pattern,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn siblings() -> Siblings {
        let names = [("call-manager".to_owned(), "exchange-manager")];
        Siblings(Arc::new(names.into()))
    }

    #[rstest]
    #[case("call-manager.call.*.missed", "exchange-manager.call.*.missed")]
    #[case("did-manager.call.*.missed", "did-manager.call.*.missed")]
    #[case("*.call.#", "*.call.#")]
    #[case("#", "#")]
    fn a_renamed_service_is_heard(#[case] usual: &'static str, #[case] here: &str) {
        assert_eq!(siblings().pattern(usual), here);
    }

    #[rstest]
    #[case("call-manager", "exchange-manager")]
    #[case("did-manager", "did-manager")]
    fn a_renamed_service_is_asked(#[case] usual: &str, #[case] here: &str) {
        assert_eq!(siblings().name(usual), here);
    }
}
