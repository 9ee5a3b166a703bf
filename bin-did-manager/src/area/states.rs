//! States of the United States and provinces of Canada.

use std::sync::LazyLock;

/// One line per state: code, country, names, bordering states.
const TABLE: &str = include_str!("borders.tsv");

static STATES: LazyLock<Box<[State]>> = LazyLock::new(|| TABLE.lines().filter_map(read).collect());

struct State {
    code: &'static str,
    names: Box<[&'static str]>,
    bordering: Box<[&'static str]>,
}

/// The postal code of a state, territory or province that is written as its code or its English name, in capitals
/// or not; spaces around it do not matter.
pub fn state_code(text: &str) -> Option<&'static str> {
    let text = text.trim();
    let is = |name: &&str| name.eq_ignore_ascii_case(text);
    STATES
        .iter()
        .find(|state| is(&state.code) || state.names.iter().any(is))
        .map(|state| state.code)
}

/// The states or provinces of the same country that a state (by its code, in capitals or not) has a border with.
/// Empty for islands, and for what is no state.
pub fn bordering(state: &str) -> &'static [&'static str] {
    let known = STATES
        .iter()
        .find(|known| known.code.eq_ignore_ascii_case(state));
    known.map_or(&[], |known| &known.bordering)
}

/// One line of the table; `None` for a comment, and for a line that is no row.
fn read(line: &'static str) -> Option<State> {
    if line.starts_with('#') {
        return None;
    }
    let mut fields = line.split('\t');
    let code = fields.next()?;
    let names = fields.nth(1)?.split('|').collect();
    let bordering = fields
        .next()?
        .split(' ')
        .filter(|code| !code.is_empty())
        .collect();
    Some(State {
        code,
        names,
        bordering,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_state() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        assert_eq!(lines.count(), 50 + 1 + 5 + 13);
        assert_eq!(STATES.len(), 50 + 1 + 5 + 13);
    }

    #[test]
    fn codes_are_two_capitals_and_no_code_or_name_stands_twice() {
        for state in &*STATES {
            assert!(
                state.code.len() == 2 && state.code.bytes().all(|b| b.is_ascii_uppercase()),
                "{}",
                state.code
            );
            assert_eq!(state_code(state.code), Some(state.code));
            for name in &state.names {
                assert_eq!(state_code(name), Some(state.code), "{name}");
            }
        }
    }

    #[test]
    fn borders_are_mutual() {
        for state in &*STATES {
            for other in &state.bordering {
                assert!(
                    bordering(other).contains(&state.code),
                    "{} {other}",
                    state.code
                );
            }
        }
    }

    #[rstest]
    #[case::code("CA", Some("CA"))]
    #[case::lower_case("ca", Some("CA"))]
    #[case::name("California", Some("CA"))]
    #[case::two_words("new york", Some("NY"))]
    #[case::spaces(" Texas\n", Some("TX"))]
    #[case::province("Ontario", Some("ON"))]
    #[case::accent("Québec", Some("QC"))]
    #[case::district("Washington DC", Some("DC"))]
    #[case::the_state_of_that_name("Washington", Some("WA"))]
    #[case::territory("Puerto Rico", Some("PR"))]
    #[case::unknown("XX", None)]
    #[case::empty("", None)]
    #[case::a_part_of_a_name("New", None)]
    fn states_are_known_by_code_and_name(#[case] text: &str, #[case] code: Option<&str>) {
        assert_eq!(state_code(text), code);
    }

    #[rstest]
    #[case::by_code("CA", &["AZ", "NV", "OR"])]
    #[case::lower_case("me", &["NH"])]
    #[case::province("NB", &["NS", "QC"])]
    #[case::island("HI", &[])]
    #[case::no_state("California", &[])]
    #[case::empty("", &[])]
    fn bordering_names_the_states_around(#[case] state: &str, #[case] expected: &[&str]) {
        assert_eq!(bordering(state), expected);
    }
}
