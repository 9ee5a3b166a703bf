//! What a text asks people to write back. Whoever answers CANCEL opts out, whatever they meant, and a bare YES is consent to
//! texts (the carriers' words, 47 CFR 64.1200(a)(10)); so neither is asked for by the way.

use std::sync::LazyLock;

use regex::Regex;

use super::{finds, pattern, plain};

/// A word that carriers and the law read in their own way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyword {
    /// Opts out.
    Cancel,
    /// Opts in.
    Yes,
}

static CANCEL: LazyLock<Option<Regex>> = LazyLock::new(|| asking("cancel"));
static YES: LazyLock<Option<Regex>> = LazyLock::new(|| asking("yes"));

/// Asks for the word, alone or after another one.
fn asking(word: &str) -> Option<Regex> {
    pattern(&format!(
        r#"\b(?:reply|text|send|answer|respond|say|type|write)(?: back)?(?: with| us| me| the word| a|:)* *["“„«(]*(?:\w+["”»)]* (?:or|/) ["“„«(]*)?{word}\b"#
    ))
}

/// Whether a text asks for this word. Written in capitals it is always meant as one to send.
pub(crate) fn asks_for(text: &str, keyword: Keyword) -> bool {
    let (rule, word) = match keyword {
        Keyword::Cancel => (&CANCEL, "CANCEL"),
        Keyword::Yes => (&YES, "YES"),
    };
    let mut words = text.split(|c: char| !c.is_alphanumeric());
    words.any(|found| found == word) || finds(rule, &plain(text))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Hi, reply YES to confirm or CANCEL to cancel", true, true)]
    #[case("Reply Yes to confirm.", true, false)]
    #[case("Text back \u{201c}yes\u{201d} and we come", true, false)]
    #[case("Please answer with yes or no", true, false)]
    #[case("Reply no or yes", true, false)]
    #[case("To move it, reply 'cancel'.", false, true)]
    #[case("Send us the word cancel", false, true)]
    #[case("CANCEL ends it", false, true)]
    #[case(
        "Reply BOOK or OTHER. Call us to cancel your appointment.",
        false,
        false
    )]
    #[case("Yes, we are open! Reply STOP to get no texts.", false, false)]
    #[case("Reply START to get them again", false, false)]
    #[case("We never cancel; yesterday we did not either", false, false)]
    fn what_is_asked_for(#[case] text: &str, #[case] yes: bool, #[case] cancel: bool) {
        let asked = [Keyword::Yes, Keyword::Cancel].map(|keyword| asks_for(text, keyword));
        assert_eq!(asked, [yes, cancel]);
    }
}
