//! What a person or a machine reads on standard output.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

use bin_common_handler::{
    daemon::fail,
    models::{text::escaped, time::Timestamp},
};
use serde_json::Value;

/// Set when whoever read our output has left: a failure that passed through texts does not say so any more.
static READER_LEFT: AtomicBool = AtomicBool::new(false);

/// Prints one line; what others put into it does nothing to a terminal.
///
/// # Errors
/// When nobody reads any more.
pub fn line(text: &str) -> io::Result<()> {
    let written = writeln!(io::stdout().lock(), "{}", escaped(text));
    if written.as_ref().is_err_and(is_broken_pipe) {
        READER_LEFT.store(true, Ordering::Relaxed);
    }
    written
}

/// How a command ends that failed: with its failure told, and quietly where that is only that our reader has seen
/// enough, as `head` does.
pub fn failed(fault: &(dyn Error + 'static)) -> ExitCode {
    let has_left = READER_LEFT.load(Ordering::Relaxed)
        || fault
            .downcast_ref::<io::Error>()
            .is_some_and(is_broken_pipe);
    if has_left {
        return ExitCode::SUCCESS;
    }
    fail(&fault)
}

fn is_broken_pipe(fault: &io::Error) -> bool {
    fault.kind() == io::ErrorKind::BrokenPipe
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

/// A table with columns as wide as their widest cell.
pub fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let header = header.iter().map(|&name| name.to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(header)
        .chain(rows)
        .map(|line| line.iter().map(|cell| printable(cell)).collect())
        .collect();
    let mut widths: Vec<usize> = Vec::new();
    for line in &lines {
        widths.resize(widths.len().max(line.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let padded = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths);
        let cells: Vec<_> = cells
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    lines.iter().map(padded).collect::<Vec<_>>().join("\n")
}

/// Says something on standard error, as [`line`] does on standard output.
pub fn say(text: &str) {
    eprintln!("{}", escaped(text));
}

/// A text that others wrote, on one line, without what a terminal would obey.
pub fn printable(text: &str) -> String {
    escaped(text).replace(['\n', '\t'], " ")
}

/// A JSON value as people read it in a table.
pub fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A time to the minute, in UTC: `2026-11-20 10:22Z`.
pub fn minute(time: Timestamp) -> String {
    let text: String = time.to_string().chars().take(16).collect();
    format!("{}Z", text.replace('T', " "))
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

    #[test]
    fn a_table_lines_up_and_obeys_nobody() {
        let rows = vec![
            vec![
                "1".to_owned(),
                "long \u{1b}[2Jname".to_owned(),
                "x".to_owned(),
            ],
            vec!["22".to_owned(), "é".to_owned(), String::new()],
        ];
        assert_eq!(
            table(&["ID", "NAME", "Z"], rows),
            "ID  NAME                Z\n1   long \\u001b[2Jname  x\n22  é"
        );
    }

    #[test]
    fn a_time_is_told_to_the_minute() {
        let time: Timestamp = "2026-11-20T10:22:39.5Z".parse().unwrap();
        assert_eq!(minute(time), "2026-11-20 10:22Z");
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
