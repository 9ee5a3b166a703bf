//! The text of a mail (RFC 5322): its library encodes every header, so that no value begins another one.

use std::time::{Duration, SystemTime};

use lettre::{
    Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{ContentType, HeaderName, HeaderValue},
    },
};

use super::Mail;

/// Nobody's holiday answers to a program (RFC 3834, 5).
const AUTO_SUBMITTED: HeaderName = HeaderName::new_from_ascii_str("Auto-Submitted");

/// The message; none where an address is none.
pub(super) fn compose(from: &Mailbox, mail: &Mail<'_>) -> Option<Message> {
    let micros = u64::try_from(mail.at.micros()).unwrap_or_default();
    let mut builder = Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, mail.to.parse().ok()?))
        .subject(one_line(mail.subject))
        .date(SystemTime::UNIX_EPOCH + Duration::from_micros(micros))
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .raw_header(HeaderValue::new(
            AUTO_SUBMITTED,
            "auto-generated".to_owned(),
        ));
    if !mail.reply_to.is_empty() {
        builder = builder.reply_to(Mailbox::new(None, mail.reply_to.parse().ok()?));
    }
    let Some((method, calendar)) = mail.invitation else {
        return builder
            .header(ContentType::TEXT_PLAIN)
            .body(mail.body.to_owned())
            .ok();
    };
    // RFC 6047, 2.4: the method stands in the type as well.
    let kind = format!("text/calendar; method={method}; charset=utf-8");
    let invitation = SinglePart::builder()
        .header(ContentType::parse(&kind).ok()?)
        .body(calendar.to_owned());
    let parts = MultiPart::alternative()
        .singlepart(SinglePart::plain(mail.body.to_owned()))
        .singlepart(invitation);
    builder.multipart(parts).ok()
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn written(mail: &Mail<'_>) -> String {
        let from = "Tandem <tandem@example.com>".parse().unwrap();
        String::from_utf8(compose(&from, mail).unwrap().formatted()).unwrap()
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

    #[test]
    fn a_mail_says_who_writes_and_is_the_same_with_every_try() {
        let text = written(&mail("Hello", "One line"));
        assert_eq!(text, written(&mail("Hello", "One line")));
        for line in [
            "From: Tandem <tandem@example.com>",
            "To: ann@example.org",
            "Message-ID: <00000000-0000-0000-0000-000000000005@example.com>",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}: {text}");
        }
    }

    #[test]
    fn an_invitation_is_a_part_with_its_method() {
        let calendar = "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n";
        let text = written(&Mail {
            invitation: Some(("REQUEST", calendar)),
            ..mail("Hello", "Come")
        });
        assert!(text.contains("multipart/alternative"), "{text}");
        assert!(text.contains("text/calendar; method=REQUEST"), "{text}");
    }

    proptest! {
        #[test]
        fn nothing_that_somebody_writes_is_a_header(subject: String, body: String) {
            let text = written(&mail(&subject, &body));
            let (head, _) = text.split_once("\r\n\r\n").unwrap();
            let names: Vec<_> = head
                .split("\r\n")
                .filter(|line| !line.starts_with([' ', '\t']))
                .filter_map(|line| line.split_once(':'))
                .map(|(name, _)| name)
                .collect();
            let known = [
                "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type",
                "Content-Transfer-Encoding", "MIME-Version",
            ];
            for name in names {
                prop_assert!(known.contains(&name), "{} in {}", name, head);
            }
        }
    }
}
