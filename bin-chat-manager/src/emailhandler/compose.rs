//! The text of a mail (RFC 5322): plain ASCII lines, everything else encoded, so that no value begins another header.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use chrono::DateTime;

use super::{Mail, Sender};

/// What people read.
const PLAIN: &str = "text/plain; charset=utf-8";
/// Bytes of one encoded word before base64: with its marks it stays below 75 characters (RFC 2047, 2).
const WORD_BYTES: usize = 45;
/// Characters of a base64 line (RFC 2045, 6.8).
const LINE_MAX: usize = 76;
/// Longest line of a text that goes as it is; below the 998 of RFC 5322, 2.1.1.
const PLAIN_MAX: usize = 900;
/// Longest header value that goes as it is.
const VALUE_MAX: usize = 60;

/// The whole message, lines ending with CRLF.
pub(super) fn compose(from: &Sender, mail: &Mail<'_>) -> String {
    let mut text = String::new();
    let domain = from.address.domain();
    let date = DateTime::from_timestamp_micros(mail.at.micros()).unwrap_or_default();
    header(&mut text, "From", &mailbox(from));
    header(&mut text, "To", &safe(mail.to));
    if !mail.reply_to.is_empty() {
        header(&mut text, "Reply-To", &safe(mail.reply_to));
    }
    header(&mut text, "Subject", &encoded(mail.subject));
    header(&mut text, "Date", &date.to_rfc2822());
    header(&mut text, "Message-ID", &format!("<{}@{domain}>", mail.id));
    // Nobody's holiday answers to a program (RFC 3834, 5).
    header(&mut text, "Auto-Submitted", "auto-generated");
    header(&mut text, "MIME-Version", "1.0");
    let Some((method, object)) = mail.calendar else {
        part(&mut text, PLAIN, mail.body);
        return text;
    };
    // Whoever reads no calendars reads the words (RFC 6047, 2.4).
    let boundary = format!("={}", mail.id.simple());
    let kind = format!("multipart/alternative; boundary=\"{boundary}\"");
    header(&mut text, "Content-Type", &kind);
    let kind = format!("text/calendar; charset=utf-8; method={}", method.as_str());
    for (kind, content) in [(PLAIN, mail.body), (kind.as_str(), object)] {
        // Writing to a String does not fail.
        let _ = write!(text, "\r\n--{boundary}\r\n");
        part(&mut text, kind, content);
    }
    let _ = write!(text, "\r\n--{boundary}--\r\n");
    text
}

/// The end of the headers, and what they are of.
fn part(text: &mut String, kind: &str, content: &str) {
    let (encoding, body) = body(content);
    header(text, "Content-Type", kind);
    header(text, "Content-Transfer-Encoding", encoding);
    text.push_str("\r\n");
    text.push_str(&body);
}

fn header(text: &mut String, name: &str, value: &str) {
    // Writing to a String does not fail.
    let _ = write!(text, "{name}: {value}\r\n");
}

fn mailbox(from: &Sender) -> String {
    if from.name.is_empty() {
        return from.address.to_string();
    }
    format!("{} <{}>", encoded(&from.name), from.address)
}

/// An address was checked before; whatever could end its line is left out all the same.
fn safe(address: &str) -> String {
    address.chars().filter(char::is_ascii_graphic).collect()
}

/// A value as it is where it is short and plain, else in encoded words (RFC 2047), one a line.
fn encoded(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " -_.,:!?#/()'".contains(c);
    let is_trimmed = value.trim() == value;
    if is_trimmed
        && value.len() <= VALUE_MAX
        && value.chars().all(is_plain)
        && !value.contains("=?")
    {
        return value.to_owned();
    }
    let mut words = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let (word, after) = rest.split_at(rest.floor_char_boundary(WORD_BYTES));
        words.push(format!("=?UTF-8?B?{}?=", BASE64.encode(word)));
        rest = after;
    }
    words.join("\r\n ")
}

/// The text and its encoding: as it is where every server takes it so.
fn body(text: &str) -> (&'static str, String) {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let is_plain = |line: &str| {
        let all = line
            .bytes()
            .all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte));
        line.len() <= PLAIN_MAX && all
    };
    if text.split('\n').all(is_plain) {
        return ("7bit", format!("{}\r\n", text.replace('\n', "\r\n")));
    }
    let whole = BASE64.encode(text.replace('\n', "\r\n"));
    let mut lines = String::new();
    let mut rest = whole.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE_MAX));
        lines.push_str(line);
        lines.push_str("\r\n");
        rest = after;
    }
    ("base64", lines)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::booking::ical::Method;

    fn written(mail: &Mail<'_>) -> String {
        compose(&Sender::read("Tandem <tandem@example.com>").unwrap(), mail)
    }

    fn mail<'m>(subject: &'m str, body: &'m str) -> Mail<'m> {
        Mail {
            id: Uuid::from_u128(5),
            to: "ann@example.org",
            subject,
            body,
            ..Mail::default()
        }
    }

    /// A value as a reader decodes it.
    fn decoded(value: &str) -> String {
        let words = value.split("\r\n ").map(|word| {
            let inner = word.strip_prefix("=?UTF-8?B?")?.strip_suffix("?=")?;
            assert!(word.len() <= 75, "{word}");
            String::from_utf8(BASE64.decode(inner).ok()?).ok()
        });
        words
            .collect::<Option<String>>()
            .unwrap_or_else(|| value.to_owned())
    }

    #[test]
    fn a_mail_says_who_writes_and_is_the_same_with_every_try() {
        let text = written(&mail("Hello", "One line"));
        assert_eq!(text, written(&mail("Hello", "One line")));
        for line in [
            "From: Tandem <tandem@example.com>",
            "To: ann@example.org",
            "Subject: Hello",
            "Date: Thu, 1 Jan 1970 00:00:00 +0000",
            "Message-ID: <00000000-0000-0000-0000-000000000005@example.com>",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}: {text}");
        }
        assert!(text.ends_with("\r\n\r\nOne line\r\n"), "{text}");
    }

    #[test]
    fn an_invitation_stands_beside_its_words() {
        let object = "BEGIN:VCALENDAR\r\nSUMMARY:K\u{fc}che\r\nEND:VCALENDAR\r\n";
        let text = written(&Mail {
            calendar: Some((Method::Request, object)),
            ..mail("Appointment", "On Friday")
        });
        let boundary = "=00000000000000000000000000000005";
        let parts: Vec<_> = text.split(&format!("--{boundary}")).collect();
        assert_eq!(parts.len(), 4, "{text}");
        assert!(parts[0].contains(&format!("multipart/alternative; boundary=\"{boundary}\"")));
        assert!(parts[1].contains("text/plain") && parts[1].contains("On Friday"));
        let (head, body) = parts[2].split_once("\r\n\r\n").unwrap();
        assert!(
            head.contains("text/calendar; charset=utf-8; method=REQUEST"),
            "{head}"
        );
        let body: String = body.split_whitespace().collect();
        assert_eq!(BASE64.decode(body).unwrap(), object.as_bytes());
        assert_eq!(parts[3], "--\r\n");
    }

    proptest! {
        #[test]
        fn nothing_that_somebody_writes_is_a_header(subject: String, body: String) {
            let text = written(&mail(&subject, &body));
            let (head, _) = text.split_once("\r\n\r\n").unwrap();
            let lines: Vec<_> = head
                .split("\r\n")
                .filter(|line| !line.starts_with(' '))
                .collect();
            let names = lines.iter().filter_map(|line| line.split_once(": "));
            let names: Vec<_> = names.map(|(name, _)| name).collect();
            let known = [
                "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version",
                "Content-Type", "Content-Transfer-Encoding",
            ];
            prop_assert_eq!(names, known);
            prop_assert_eq!(lines.len(), known.len());
        }

        #[test]
        fn a_value_is_read_as_it_was_written(value: String) {
            prop_assert_eq!(decoded(&encoded(&value)), value);
        }

        #[test]
        fn a_body_is_ascii_in_short_lines_that_end_as_they_must(text: String) {
            let (_, body) = body(&text);
            prop_assert!(body.is_ascii() && body.ends_with("\r\n") || text.is_empty());
            let lines = body.split("\r\n");
            prop_assert!(lines.clone().all(|line| line.len() <= PLAIN_MAX));
            prop_assert!(lines.clone().all(|line| !line.contains(['\r', '\n'])));
        }
    }
}
