//! The settings of all managers together, and those of them that a command may need.

use bin_common_handler::config::{AnySetting, BadConfig, Config};
use clap::{Arg, Command};
use tandem::managers;

/// The common settings and each manager's own, each once.
pub fn all() -> Vec<AnySetting> {
    managers::settings(managers::ALL)
}

/// A flag for each setting, and for the file; only that of the file and those of `shown` are listed in the help.
pub fn flags_shown(shown: &[AnySetting]) -> impl Iterator<Item = Arg> {
    let flags = Config::flags(Command::new("settings"), &all());
    let flags: Vec<_> = flags.get_arguments().cloned().collect();
    flags.into_iter().map(|flag| {
        let id = flag.get_id().as_str();
        let is_setting = all().iter().any(|it| it.name.eq_ignore_ascii_case(id));
        let is_shown = !is_setting || shown.iter().any(|it| it.name.eq_ignore_ascii_case(id));
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

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use bin_common_handler::config::Config;
    use rstest::rstest;

    use super::all;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
    const HEAD: &str = "# Settings

Made from the table in the code by `UPDATE_DOCS=1 cargo test -p tandem --bin tandem settings`; a test compares the two.

A value comes from the defaults, then a file (`tandem.toml`, else `/etc/tandem/tandem.toml`, or `--config-file FILE`), then
the environment, then flags. `DATABASE_DSN`, `--database_dsn`, `--database-dsn` and the file's key `database_dsn` are one
setting. The service and every command read the same ones, so a command finds the bridge and its key. A wrong value stops
the start with the setting's name, what is wrong, and a value that works. Secrets are never printed.

| setting | default | what it does | for example |
|---|---|---|---|
";

    fn page() -> String {
        let mut page = HEAD.to_owned();
        for setting in all() {
            let default = match setting.default {
                "" => "none".to_owned(),
                default => format!("`{default}`"),
            };
            let cell = |text: &str| text.replace('|', "\\|");
            writeln!(
                page,
                "| `{}` | {} | {} | `{}` |",
                setting.name,
                cell(&default),
                cell(setting.help),
                cell(setting.example)
            )
            .unwrap();
        }
        page
    }

    #[test]
    fn the_page_of_settings_is_that_of_the_code() {
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(PAGE, page()).unwrap();
        }
        let written = std::fs::read_to_string(PAGE).unwrap();
        assert_eq!(
            written,
            page(),
            "run: UPDATE_DOCS=1 cargo test -p tandem --bin tandem settings"
        );
    }

    #[rstest]
    #[case("SMTP_URL", "foo")]
    #[case("EMAIL_FROM", "x")]
    #[case("EMAIL_REPLY_TO", "x")]
    #[case("INBOUND_EMAIL_SECRET", "foo")]
    #[case("ATTACHMENTS_S3_URL", "foo")]
    #[case("LLM_BASE_URL", "foo")]
    #[case("EMBEDDINGS_BASE_URL", "foo")]
    #[case("PUBLIC_URL", "https://texts.example.com/v1/webhooks/twilio/voice")]
    fn a_wrong_value_stops_the_start_and_its_example_does_not(
        #[case] name: &'static str,
        #[case] value: &str,
    ) {
        let told = Config::with_values(&all(), &[(name, value)]).unwrap_err();
        let told = told.to_string();
        assert!(told.starts_with(name), "{told}");
        let setting = all().into_iter().find(|setting| setting.name == name);
        let example = setting.unwrap().example;
        assert!(told.ends_with(&format!("{name}={example}")), "{told}");
        Config::with_values(&all(), &[(name, example)]).unwrap();
    }
}
