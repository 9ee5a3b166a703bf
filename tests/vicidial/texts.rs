//! What is written for people to copy: the same everywhere, and never about the name.

use rstest::rstest;

const DIALPLAN: &str = include_str!("../../scripts/vicidial/extensions.conf");
const README: &str = include_str!("../../scripts/vicidial/README.md");
const INSTALL: &str = include_str!("../../scripts/vicidial/install");
const SCRIPT: &str = include_str!("../../scripts/vicidial/tandem.agi");

/// Lines of a dialplan that run the script.
fn runs(text: &str) -> Vec<&str> {
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| line.starts_with("exten") && line.contains("AGI(tandem.agi"))
        .collect()
}

#[rstest]
#[case::readme(README)]
#[case::install(INSTALL)]
fn the_lines_to_copy_are_those_of_the_dialplan(#[case] text: &str) {
    assert_eq!(runs(DIALPLAN).len(), 2);
    assert_eq!(runs(text), runs(DIALPLAN));
}

#[rstest]
#[case::dialplan(DIALPLAN)]
#[case::script(SCRIPT)]
fn only_the_number_is_ever_set(#[case] text: &str) {
    let set: Vec<_> = text
        .split("Set(CALLERID(")
        .chain(text.split("set_variable('CALLERID("))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(what, _)| what)
        .filter(|what| ["num", "name", "all", "ani"].contains(what))
        .collect();
    assert_eq!(set, ["num"]);
}
