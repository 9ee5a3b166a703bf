//! TwiML: the XML by which a carrier is told what to do with a call or a text.

/// The media type of an answer.
pub const MEDIA_TYPE: &str = "application/xml";
/// Nothing is to be done.
pub const EMPTY: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response/>";
/// The call is refused before it is answered, so the caller pays nothing.
pub const REJECT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Reject/></Response>";

/// A text as the content of an element or the value of an attribute. What XML 1.0 cannot hold at all, such as control
/// characters, is left out.
pub fn escaped(text: &str) -> String {
    let mut xml = String::with_capacity(text.len());
    for c in text.chars().filter(|c| is_xml(*c)) {
        match c {
            '&' => xml.push_str("&amp;"),
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '"' => xml.push_str("&quot;"),
            '\'' => xml.push_str("&apos;"),
            // An attribute's value would lose them otherwise.
            '\t' => xml.push_str("&#9;"),
            '\n' => xml.push_str("&#10;"),
            '\r' => xml.push_str("&#13;"),
            c => xml.push(c),
        }
    }
    xml
}

/// A document with `verbs`, which are XML already.
pub fn response(verbs: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{verbs}</Response>")
}

/// The verb that says `text` to the caller; nothing for an empty text.
pub fn say(text: &str) -> String {
    if text.trim().is_empty() {
        return String::new();
    }
    format!("<Say>{}</Say>", escaped(text))
}

/// XML 1.0, production 2.
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("plain", "plain")]
    #[case("a & b", "a &amp; b")]
    #[case("</Say><Dial>1</Dial>", "&lt;/Say&gt;&lt;Dial&gt;1&lt;/Dial&gt;")]
    #[case("\" onload='x'", "&quot; onload=&apos;x&apos;")]
    #[case("a\u{0}b\u{8}c\u{ffff}", "abc")]
    #[case("caf\u{e9}\n", "caf\u{e9}&#10;")]
    fn a_text_stays_a_text(#[case] text: &str, #[case] xml: &str) {
        assert_eq!(escaped(text), xml);
    }

    #[test]
    fn nothing_is_not_said() {
        assert_eq!(say(" \n"), "");
        assert_eq!(
            response(&say("a<b")),
            format!(
                "{}<Say>a&lt;b</Say></Response>",
                REJECT.replace("<Reject/></Response>", "")
            )
        );
    }

    proptest! {
        #[test]
        fn no_text_opens_or_ends_anything(text: String) {
            prop_assert!(!escaped(&text).contains(['<', '>', '"', '\'']));
        }
    }
}
