//! Opt-outs: the single words that carriers know (CTIA Messaging Principles, 5.1; 47 CFR 64.1200(a)(10)), and any clear
//! wording of the same wish.

use super::optout_wording;

/// What a text asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// No more texts, by one of the words.
    Stop,
    /// No more texts, in other words.
    StopInOtherWords,
    /// Texts again.
    Start,
    /// A bare YES: lifts an opt-out only as the answer to our question.
    Yes,
    /// Who is this?
    Help,
}

impl Wish {
    /// Whether texts must end.
    pub(crate) const fn is_stop(self) -> bool {
        matches!(self, Self::Stop | Self::StopInOtherWords)
    }

    /// Whether it may change who gets texts, so that the ledger must have it before the carrier is answered.
    pub(crate) const fn is_about_texts(self) -> bool {
        !matches!(self, Self::Help)
    }

    /// What the ledger says an opt-out came from.
    pub(crate) const fn source(self) -> &'static str {
        match self {
            Self::StopInOtherWords => "wording",
            _ => "word",
        }
    }
}

/// Ends all texts. A bare CANCEL is one, too, whatever else there may be to cancel.
const STOP: &[&str] = &[
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "OPTOUT",
    "REVOKE",
];
const START: &[&str] = &["START", "UNSTOP"];
const HELP: &[&str] = &["HELP", "INFO"];

/// What the text asks for; nothing for all that is no clear wish.
pub(crate) fn read(text: &str) -> Option<Wish> {
    let plain = super::plain_lines(text);
    let word = plain
        .trim_matches(|c: char| !c.is_alphanumeric())
        .to_uppercase();
    let is_in = |words: &[&str]| words.contains(&word.as_str());
    if is_in(STOP) {
        return Some(Wish::Stop);
    }
    if is_in(START) {
        return Some(Wish::Start);
    }
    if is_in(HELP) {
        return Some(Wish::Help);
    }
    if word == "YES" {
        return Some(Wish::Yes);
    }
    let is_wording = STOP.contains(&loose_word(&plain).as_str()) || optout_wording::is_stop(&plain);
    is_wording.then_some(Wish::StopInOtherWords)
}

/// The word of a text that asks for nothing else: with a "please", or letter by letter (`S.T.O.P`). No carrier knows it as
/// one of its words.
fn loose_word(plain: &str) -> String {
    let parts = plain.split(|c: char| !c.is_alphanumeric());
    let parts: Vec<&str> = parts
        .filter(|part| !matches!(*part, "" | "please" | "pls" | "plz"))
        .collect();
    let is_spelled = parts.iter().all(|part| part.chars().count() == 1);
    match parts.as_slice() {
        [only] => only.to_uppercase(),
        letters if is_spelled => letters.concat().to_uppercase(),
        _ => String::new(),
    }
}

/// Whether a carrier answers this text by itself, when it was given the account's default words.
pub(crate) fn is_answered_by_carriers(wish: Wish) -> bool {
    matches!(wish, Wish::Stop | Wish::Start | Wish::Help)
}

/// Whether it is the bare word CANCEL, which may have been meant for an appointment.
pub(crate) fn is_cancel(text: &str) -> bool {
    loose_word(&super::plain_lines(text)) == "CANCEL"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    fn a_single_word_in_any_case_and_punctuation_is_one(
        #[values(
            "STOP",
            "STOPALL",
            "UNSUBSCRIBE",
            "CANCEL",
            "END",
            "QUIT",
            "OPTOUT",
            "REVOKE"
        )]
        word: &str,
        #[values(
            "{}",
            " {} ",
            "{}.",
            "{}!!!",
            "\"{}\"",
            "\n{}\n",
            "({})",
            "*{}*",
            "\u{200b}{}"
        )]
        form: &str,
    ) {
        for word in [word.to_owned(), word.to_lowercase(), title(word)] {
            assert_eq!(read(&form.replace("{}", &word)), Some(Wish::Stop), "{word}");
        }
    }

    fn title(word: &str) -> String {
        let (first, rest) = word.split_at(1);
        format!("{first}{}", rest.to_lowercase())
    }

    #[rstest]
    #[case("START", Some(Wish::Start))]
    #[case("unstop.", Some(Wish::Start))]
    #[case("yes", Some(Wish::Yes))]
    #[case("Yes please", None)]
    #[case("HELP", Some(Wish::Help))]
    #[case("info?", Some(Wish::Help))]
    #[case("Help, my kitchen leaks", None)]
    #[case::letters("S.T.O.P", Some(Wish::StopInOtherWords))]
    #[case::letters_apart("S T O P", Some(Wish::StopInOtherWords))]
    #[case::mathematical("\u{1d412}\u{1d413}\u{1d40e}\u{1d40f}", Some(Wish::Stop))]
    #[case::overridden("ST\u{202e}OP", Some(Wish::Stop))]
    #[case::isolated("\u{2066}STOP\u{2069}", Some(Wish::Stop))]
    #[case::cyrillic("ST\u{41e}P", Some(Wish::Stop))]
    #[case::cyrillic_small("\u{455}t\u{43e}\u{440}", Some(Wish::Stop))]
    #[case::accent("S\u{301}TOP", Some(Wish::Stop))]
    #[case::null("STOP\0", Some(Wish::Stop))]
    #[case::please("cancel please", Some(Wish::StopInOtherWords))]
    #[case::please_stop("Please, unsubscribe!", Some(Wish::StopInOtherWords))]
    #[case("\u{ff33}\u{ff34}\u{ff2f}\u{ff30}", Some(Wish::Stop))]
    #[case("", None)]
    #[case("?!", None)]
    fn the_other_words(#[case] text: &str, #[case] expected: Option<Wish>) {
        assert_eq!(read(text), expected);
    }

    #[test]
    fn a_bare_cancel_is_told_from_the_others() {
        assert!(
            is_cancel(" Cancel! ")
                && is_cancel("cancel please")
                && !is_cancel("cancel it")
                && !is_cancel("stop")
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "\\PC{0,300}") {
            let _ = read(&text);
        }

        #[test]
        fn whatever_stands_around_the_word_that_is_no_letter(before in "[ .,!?*\"-]{0,5}", after in "[ .,!?*\"-]{0,5}") {
            prop_assert_eq!(read(&format!("{before}stop{after}")), Some(Wish::Stop));
        }
    }
}
