//! Cells of a CSV file that spreadsheets cannot take for formulas, and that come back as they were.
//!
//! A spreadsheet of another locale may split a file at other characters, so a formula is looked for after each of
//! those, too. It may also pass over blanks, and take full-width signs for the plain ones.

use std::borrow::Cow;

use crate::models::text::is_invisible;

/// What makes a spreadsheet calculate, plain, full-width and small.
const FORMULA_STARTS: [char; 12] = [
    '=', '+', '-', '@', '＝', '＋', '－', '＠', '﹦', '﹢', '﹣', '﹫',
];
/// Where some spreadsheet begins a new cell.
const SEPARATORS: [char; 5] = [';', '|', '\t', '\n', '\r'];
const ESCAPE: char = '\'';

/// Appends a cell as it is written: quoted where need be, and escaped unless it is a number or a phone number.
pub fn write_cell(text: &str, line: &mut String) {
    let cell = escaped(text);
    let is_escaped = cell.len() > text.len();
    if is_escaped || cell.contains([',', '"', '\n', '\r']) {
        line.push('"');
        line.push_str(&cell.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(&cell);
    }
}

/// An escape stands before each formula. It also stands before each escape, so that a cell comes back as it was.
fn escaped(text: &str) -> Cow<'_, str> {
    let mut cell = String::with_capacity(text.len());
    let mut is_start = true;
    for (at, c) in text.char_indices() {
        if is_start && (c == ESCAPE || is_formula(text.get(at..).unwrap_or_default())) {
            cell.push(ESCAPE);
        }
        cell.push(c);
        is_start = SEPARATORS.contains(&c);
    }
    if cell.len() == text.len() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(cell)
}

/// What [`write_cell`] escaped.
pub fn read_cell(text: &str) -> Cow<'_, str> {
    if !text.contains(ESCAPE) {
        return Cow::Borrowed(text);
    }
    let mut cell = String::with_capacity(text.len());
    let mut is_start = true;
    for (at, c) in text.char_indices() {
        let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
        if is_start
            && c == ESCAPE
            && (begins(rest) || rest.trim_start_matches(is_blank).starts_with(ESCAPE))
        {
            is_start = false;
            continue;
        }
        cell.push(c);
        is_start = SEPARATORS.contains(&c);
    }
    Cow::Owned(cell)
}

fn is_formula(text: &str) -> bool {
    begins(text) && !is_phone(text) && !is_number(text)
}

fn begins(text: &str) -> bool {
    text.starts_with(['\t', '\r', '\n'])
        || text
            .trim_start_matches(is_blank)
            .starts_with(FORMULA_STARTS)
}

/// What is not seen: white space of every kind, controls, and what only steers the text around it.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || c.is_control() || is_invisible(c)
}

fn is_phone(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && text.parse::<f64>().is_ok()
}

/// What a program finds in a cell that [`write_cell`] wrote: for tests of what others send.
#[cfg(any(test, feature = "test-support"))]
pub fn unquoted(line: &str) -> String {
    let inner = line
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.map_or_else(|| line.to_owned(), |inner| inner.replace("\"\"", "\""))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn written(text: &str) -> String {
        let mut line = String::new();
        write_cell(text, &mut line);
        line
    }

    #[rstest]
    #[case("+14155550123", "+14155550123")]
    #[case("-122.41", "-122.41")]
    #[case("-.5", "-.5")]
    #[case("plain", "plain")]
    #[case("a=b", "a=b")]
    #[case("west;new", "west;new")]
    #[case("a,b", "\"a,b\"")]
    #[case("say \"hi\"", "\"say \"\"hi\"\"\"")]
    #[case("=1+1", "\"'=1+1\"")]
    #[case("@SUM(A1)", "\"'@SUM(A1)\"")]
    #[case("-cmd", "\"'-cmd\"")]
    #[case("-inf", "\"'-inf\"")]
    #[case("+a", "\"'+a\"")]
    #[case("+1|x!A1", "\"'+1|x!A1\"")]
    #[case("'quoted", "\"''quoted\"")]
    #[case::after_spaces("  =1", "\"'  =1\"")]
    #[case::after_a_tab("\t=1", "\"'\t'=1\"")]
    #[case::a_tab("\tx", "\"'\tx\"")]
    #[case::a_return("\rx", "\"'\rx\"")]
    #[case::after_a_line_feed("\n=1", "\"'\n'=1\"")]
    #[case::after_a_no_break_space("\u{a0}=1", "\"'\u{a0}=1\"")]
    #[case::after_a_wide_space("\u{3000}@x", "\"'\u{3000}@x\"")]
    #[case::after_a_zero_width_space("\u{200b}-x", "\"'\u{200b}-x\"")]
    #[case::after_a_mark("\u{feff}=1", "\"'\u{feff}=1\"")]
    #[case::after_a_null("\0=1", "\"'\0=1\"")]
    #[case::after_next_line("\u{85}+x", "\"'\u{85}+x\"")]
    #[case::full_width("＝1", "\"'＝1\"")]
    #[case::full_width("＋x", "\"'＋x\"")]
    #[case::full_width("－x", "\"'－x\"")]
    #[case::full_width("＠x", "\"'＠x\"")]
    #[case::small("﹦1", "\"'﹦1\"")]
    #[case::semicolon("a;=1", "\"a;'=1\"")]
    #[case::semicolon_and_space("a; =1", "\"a;' =1\"")]
    #[case::tab("a\t@x", "\"a\t'@x\"")]
    #[case::bar("a|+x", "\"a|'+x\"")]
    #[case::line("a\n-x", "\"a\n'-x\"")]
    #[case::two("a;=1;=2", "\"a;'=1;'=2\"")]
    #[case::escape_inside("a;'b", "\"a;''b\"")]
    #[case::phone_inside("a;+14155550123", "a;+14155550123")]
    fn no_cell_is_a_formula(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(written(text), expected);
        assert_eq!(read_cell(&unquoted(&written(text))), text);
    }

    /// What others wrote keeps its apostrophes, but for the one that keeps a spreadsheet from calculating.
    #[rstest]
    #[case("'tis", "'tis")]
    #[case("o'clock; 'later'", "o'clock; 'later'")]
    #[case("'=1", "=1")]
    #[case("'+14155550123", "+14155550123")]
    #[case("x", "x")]
    fn cells_of_others_are_read(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(read_cell(text), expected);
    }

    proptest! {
        #[test]
        fn a_cell_comes_back_as_it_was(text in "[-=+@;|,'\"\t\n\r \u{a0}＝a1.]{0,12}") {
            let cell = unquoted(&written(&text));
            prop_assert_eq!(read_cell(&cell), text);
        }
    }
}
