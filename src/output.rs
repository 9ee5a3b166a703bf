//! What a person or a machine reads on standard output.

use std::{
    error::Error,
    io::{self, Write},
};

/// Prints one line.
///
/// # Errors
/// When nobody reads any more.
pub fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// True when a failure only means that our reader has left.
pub fn is_closed(fault: &(dyn Error + 'static)) -> bool {
    fault
        .downcast_ref::<io::Error>()
        .is_some_and(|fault| fault.kind() == io::ErrorKind::BrokenPipe)
}

/// A number as people read it: `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Valid JSON with line breaks and indents. Works on the text, so that fields keep their order and numbers
/// their digits.
pub fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut just_opened) = (0_usize, false);
    let (mut is_text, mut is_escaped) = (false, false);
    for c in json.chars() {
        if is_text {
            out.push(c);
            is_text = c != '"' || is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            continue;
        }
        if c.is_ascii_whitespace() {
            continue;
        }
        let closes = matches!(c, '}' | ']');
        depth = depth.saturating_sub(usize::from(closes));
        if closes != just_opened {
            new_line(&mut out, depth);
        }
        out.push(c);
        just_opened = matches!(c, '{' | '[');
        depth += usize::from(just_opened);
        is_text = c == '"';
        match c {
            ',' => new_line(&mut out, depth),
            ':' => out.push(' '),
            _ => {}
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#"{"b":1,"a":[]}"#, "{\n  \"b\": 1,\n  \"a\": []\n}")]
    #[case(
        r#"[{"x":"{,:\"]\\"},1.10]"#,
        "[\n  {\n    \"x\": \"{,:\\\"]\\\\\"\n  },\n  1.10\n]"
    )]
    #[case("{ \"a b\" : \" c \" }\n", "{\n  \"a b\": \" c \"\n}")]
    #[case("null", "null")]
    fn pretty_json_keeps_order_digits_and_texts(#[case] json: &str, #[case] shown: &str) {
        assert_eq!(pretty(json), shown);
    }

    #[rstest]
    #[case(0, "0")]
    #[case(999, "999")]
    #[case(1_000, "1,000")]
    #[case(1_234_567, "1,234,567")]
    fn numbers_are_grouped(#[case] number: u64, #[case] shown: &str) {
        assert_eq!(grouped(number), shown);
    }
}
