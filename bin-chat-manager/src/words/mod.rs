//! What texts mean and cost: pure logic, without any I/O.

pub(crate) mod asking;
pub(crate) mod choice;
mod deed;
pub(crate) mod emergency;
pub(crate) mod extract;
pub(crate) mod filetype;
pub(crate) mod guard;
pub mod intake;
pub(crate) mod optout;
mod optout_wording;
mod promises;
pub mod segments;

use bin_common_handler::models::text::is_invisible;
use regex::{Regex, RegexBuilder};
use unicode_normalization::UnicodeNormalization;

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

/// A text as rules read it: small letters in their plain form (Unicode NFKD: mathematical, full-width and circled letters
/// are letters, and without accents), no apostrophes, plain quotes and spaces, nothing invisible, and Latin letters for
/// those of other scripts that look the same.
fn plain(text: &str) -> String {
    plain_lines(text).replace('\n', " ")
}

/// The same with its lines as they are.
fn plain_lines(text: &str) -> String {
    let is_left_out = |c: char| {
        let is_accent = matches!(c, '\u{300}'..='\u{36f}');
        matches!(c, '\'' | '\u{2018}' | '\u{2019}' | '\0') || is_accent || is_invisible(c)
    };
    // A line separator is invisible, and ends a line.
    let ended = text.chars().map(|c| match c {
        '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => '\n',
        c => c,
    });
    ended
        .nfkd()
        .filter(|c| !is_left_out(*c))
        .flat_map(char::to_lowercase)
        .map(|c| match latin(c) {
            c if c.is_whitespace() && c != '\n' => ' ',
            c => c,
        })
        .collect()
}

/// The Latin letter that a Cyrillic or Greek one looks like, in small letters: those of Unicode's list of confusables that
/// the words of opt-outs are made of, and the rest of the vowels.
fn latin(c: char) -> char {
    match c {
        'а' | 'α' => 'a',
        'в' | 'β' => 'b',
        'с' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'ё' | 'ε' => 'e',
        'һ' | 'н' | 'η' => 'h',
        'і' | 'ї' | 'ι' | 'ı' => 'i',
        'ј' => 'j',
        'к' | 'κ' => 'k',
        'ӏ' => 'l',
        'м' | 'μ' => 'm',
        'о' | 'ο' | 'օ' => 'o',
        'р' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' => 's',
        'т' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ѵ' | 'ν' => 'v',
        'ԝ' => 'w',
        'х' | 'χ' => 'x',
        'у' | 'γ' => 'y',
        c => c,
    }
}

/// Full-width forms are the same letters, figures and marks in another shape (Unicode, FF01 to FF5E).
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        c => c,
    }
}
