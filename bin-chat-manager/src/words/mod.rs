//! What texts mean and cost: pure logic, without any I/O.

pub(crate) mod asking;
pub(crate) mod choice;
pub(crate) mod emergency;
pub(crate) mod extract;
pub(crate) mod filetype;
pub(crate) mod guard;
pub mod intake;
pub(crate) mod optout;
mod optout_wording;
pub mod segments;

use regex::{Regex, RegexBuilder};

/// Largest compiled pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A pattern of ours, without regard to case. None of them fails to compile: their tests use each of them.
fn pattern(text: &str) -> Option<Regex> {
    RegexBuilder::new(text)
        .case_insensitive(true)
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .ok()
}

/// Whether the pattern is found.
fn finds(pattern: &Option<Regex>, text: &str) -> bool {
    pattern
        .as_ref()
        .is_some_and(|pattern| pattern.is_match(text))
}

/// A text as rules read it: small letters, no apostrophes, plain quotes and spaces, nothing invisible.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| {
            !matches!(
                c,
                '\'' | '\u{2018}' | '\u{2019}' | '\u{200b}'
                    ..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}'
            )
        })
        .flat_map(|c| narrow(c).to_lowercase())
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .collect()
}

/// Full-width forms are the same letters, figures and marks in another shape (Unicode, FF01 to FF5E).
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    }
}
