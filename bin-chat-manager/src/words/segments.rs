//! How many segments a text is sent in (3GPP TS 23.038 and 23.040): GSM-7 holds 160 characters in one segment and 153
//! in each of several, UCS-2 70 and 67.

/// The basic character set of GSM-7; each is one septet.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡\
                     ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension; each is an escape and a septet, which no segment's end may part.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// How a text is encoded, and in how many segments it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    /// One character outside GSM-7 makes the whole text UCS-2.
    pub is_ucs2: bool,
    /// Segments; 0 for an empty text.
    pub count: u32,
}

/// Counts the segments of a text.
pub fn count(text: &str) -> Segments {
    let widths: Option<Vec<usize>> = text.chars().map(septets).collect();
    let (is_ucs2, widths, single, part) = match widths {
        Some(widths) => (false, widths, 160, 153),
        None => (true, text.chars().map(char::len_utf16).collect(), 70, 67),
    };
    Segments {
        is_ucs2,
        count: split(&widths, single, part),
    }
}

/// Nothing that is two units wide is parted.
fn split(widths: &[usize], single: usize, part: usize) -> u32 {
    let all: usize = widths.iter().sum();
    if all == 0 {
        return 0;
    }
    if all <= single {
        return 1;
    }
    let (mut count, mut used) = (1_u32, 0);
    for width in widths {
        if used + width > part {
            count = count.saturating_add(1);
            used = 0;
        }
        used += width;
    }
    count
}

fn septets(c: char) -> Option<usize> {
    if BASIC.contains(c) {
        Some(1)
    } else if EXTENSION.contains(c) {
        Some(2)
    } else {
        None
    }
}

/// The same text with typographic marks in their plain form, which would make it UCS-2 for nothing.
pub(crate) fn simplified(text: &str) -> String {
    let mut simple = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' => simple.push('\''),
            '\u{201c}' | '\u{201d}' | '\u{2033}' => simple.push('"'),
            '\u{2010}'..='\u{2015}' | '\u{2212}' => simple.push('-'),
            '\u{2026}' => simple.push_str("..."),
            '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}' => simple.push(' '),
            '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}' => {}
            c => simple.push(c),
        }
    }
    simple
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::empty("", 0, false, 0)]
    #[case::one("a", 1, false, 1)]
    #[case::full("a", 160, false, 1)]
    #[case::two("a", 161, false, 2)]
    #[case::two_full("a", 306, false, 2)]
    #[case::three("a", 307, false, 3)]
    #[case::extension_is_two_wide("{", 80, false, 1)]
    #[case::extension_over("{", 81, false, 2)]
    #[case::extension_is_not_parted("{", 153, false, 3)]
    #[case::ucs2("\u{4e16}", 70, true, 1)]
    #[case::ucs2_two("\u{4e16}", 71, true, 2)]
    #[case::ucs2_two_full("\u{4e16}", 134, true, 2)]
    #[case::ucs2_three("\u{4e16}", 135, true, 3)]
    #[case::a_pair_is_two_wide("\u{1f600}", 35, true, 1)]
    #[case::a_pair_is_not_parted("\u{1f600}", 67, true, 3)]
    fn a_text_is_so_many_segments(
        #[case] unit: &str,
        #[case] times: usize,
        #[case] is_ucs2: bool,
        #[case] expected: u32,
    ) {
        let text = unit.repeat(times);
        let segments = Segments {
            is_ucs2,
            count: expected,
        };
        assert_eq!(count(&text), segments);
    }

    #[rstest]
    #[case::greek_capitals_are_gsm("ΔΦΓΛΩΠΨΣΘΞ", false)]
    #[case::curly_quotes_are_not("it\u{2019}s", true)]
    #[case::backtick_is_not("`", true)]
    #[case::small_c_cedilla_is_not("ç", true)]
    #[case::euro_is("€", false)]
    fn what_gsm_7_has(#[case] text: &str, #[case] is_ucs2: bool) {
        assert_eq!(count(text).is_ucs2, is_ucs2);
    }

    #[test]
    fn typography_does_not_cost_a_segment() {
        let text = "\u{201c}It\u{2019}s us \u{2014} call back\u{2026}\u{201d}";
        assert_eq!(simplified(text), "\"It's us - call back...\"");
        assert!(!count(&simplified(text)).is_ucs2);
    }

    proptest! {
        #[test]
        fn more_text_never_takes_fewer_segments(text in "\\PC{0,400}", more in "[a-z]{0,20}") {
            let longer = format!("{text}{more}");
            prop_assert!(count(&longer).count >= count(&text).count);
        }

        #[test]
        fn every_segment_is_used(text in "[a-z{}\\[\\]]{1,900}") {
            let units: usize = text.chars().filter_map(septets).sum();
            let parts = count(&text).count as usize;
            prop_assert!(parts * 160 >= units && (parts == 1 || (parts - 1) * 152 < units));
        }
    }
}
