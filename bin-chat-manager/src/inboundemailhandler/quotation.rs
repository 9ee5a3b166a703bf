//! What its writer wrote, without what they answer to.

/// Longest text that is kept, in bytes; the rest is cut off.
const TEXT_MAX: usize = 16 * 1_024;

/// The text above the quotation, trimmed and cut off between letters.
pub(super) fn above(text: &str) -> &str {
    let end = quoted_from(text);
    let text = text.get(..end).unwrap_or(text).trim();
    text.get(..text.floor_char_boundary(TEXT_MAX))
        .unwrap_or(text)
}

/// Where the quotation begins: at the first line of `>`, or at the line above that says who wrote.
fn quoted_from(text: &str) -> usize {
    let mut at = 0;
    let mut before = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with('>') {
            let above = text.get(before..at).unwrap_or_default().trim_end();
            return if above.ends_with(':') { before } else { at };
        }
        if !line.trim().is_empty() {
            before = at;
        }
        at += line.len();
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("Yes, please.", "Yes, please.")]
    #[case::quoted("Yes, please.\n\nOn Monday Tandem wrote:\n> When?\n", "Yes, please.")]
    #[case::quoted_bare("Yes, please.\n> When?\n", "Yes, please.")]
    #[case::colon("Note:\nBuy milk", "Note:\nBuy milk")]
    #[case::only_quotation("> When?", "")]
    #[case::windows(
        "Yes, please.\r\n\r\nOn Monday Tandem wrote:\r\n> When?\r\n",
        "Yes, please."
    )]
    fn what_is_answered_to_is_left_out(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(above(text), expected);
    }

    #[test]
    fn a_long_text_is_cut_between_letters() {
        assert_eq!(above(&"é".repeat(TEXT_MAX)).len(), TEXT_MAX);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_bounded_part_of_it(text in "[a-z>:\r\n é]{0,200}") {
            let kept = above(&text);
            prop_assert!(text.contains(kept) && kept.len() <= TEXT_MAX);
        }
    }
}
