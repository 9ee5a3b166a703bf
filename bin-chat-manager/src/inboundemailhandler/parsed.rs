//! A mail as it stands in a file (RFC 5322, MIME). Strangers write these: whatever they hold, reading one ends soon, and what
//! comes of it is short.

use bin_common_handler::models::text::hex;
use mail_parser::{Address, HeaderValue, Message, MessageParser};
use sha2::{Digest, Sha256};

use super::{Answered, Mail, RECIPIENTS_MAX, quotation};

/// Headers in which servers say to whom a mail was delivered: the plus-address of a blind copy stands nowhere else.
const DELIVERED: [&str; 3] = ["Delivered-To", "X-Original-To", "Envelope-To"];

/// The mail in these bytes; none where they are no mail.
pub(super) fn read(bytes: &[u8]) -> Option<Mail> {
    let message = MessageParser::default().parse(bytes)?;
    let from = first(message.from()?)?;
    // One without an id is known by its bytes.
    let message_id = match message.message_id() {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => hex(&Sha256::digest(bytes)),
    };
    let text = message.body_text(0).unwrap_or_default();
    Some(Mail {
        message_id,
        from,
        recipients: recipients(&message),
        answered: Answered::of(last_text(message.in_reply_to())),
        is_automatic: is_automatic(&message),
        text: quotation::above(&text).to_owned(),
    })
}

fn first(address: &Address<'_>) -> Option<String> {
    let first = address.first()?.address()?;
    Some(first.trim().to_owned())
}

fn recipients(message: &Message<'_>) -> Vec<String> {
    let delivered = DELIVERED
        .iter()
        .filter_map(|name| message.header_raw(*name))
        .map(|value| value.trim().trim_matches(['<', '>']).to_owned());
    let named = [message.to(), message.cc()];
    let named = named
        .into_iter()
        .flatten()
        .flat_map(Address::iter)
        .filter_map(|one| one.address())
        .map(str::to_owned);
    delivered.chain(named).take(RECIPIENTS_MAX).collect()
}

fn last_text<'m>(value: &'m HeaderValue<'_>) -> Option<&'m str> {
    match value {
        HeaderValue::Text(text) => Some(text),
        HeaderValue::TextList(all) => all.last().map(AsRef::as_ref),
        _ => None,
    }
}

/// By RFC 3834; and reports of mail that did not arrive, which have no sender to return to (RFC 5321, 4.5.5).
fn is_automatic(message: &Message<'_>) -> bool {
    let is_answer = message
        .header_raw("Auto-Submitted")
        .is_some_and(|value| !value.trim().eq_ignore_ascii_case("no"));
    let is_report = message
        .header_raw("Return-Path")
        .is_some_and(|value| value.trim() == "<>");
    is_answer || is_report
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const ANSWER: &str = "Return-Path: <ann@example.org>\r\n\
        Delivered-To: reply+abc@in.example.com\r\n\
        From: =?UTF-8?Q?Ann_M=C3=BCller?= <ann@example.org>\r\n\
        To: Tandem <tandem@example.com>, \"B, C\" <bob@example.com>\r\n\
        Message-ID: <a@example.org>\r\n\
        In-Reply-To: <00000000-0000-0000-0000-000000000007@example.com>\r\n\
        MIME-Version: 1.0\r\n\
        Content-Type: multipart/alternative; boundary=b\r\n\r\n\
        --b\r\nContent-Type: text/plain; charset=iso-8859-1\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\n\
        Gr=FC=DFe, yes.\r\n\r\nOn Monday Tandem wrote:\r\n> When?\r\n\
        --b\r\nContent-Type: text/html\r\n\r\n<b>Yes</b>\r\n--b--\r\n";

    #[test]
    fn an_answer_is_read_as_people_write_them() {
        let mail = read(ANSWER.as_bytes()).unwrap();
        assert_eq!(mail.text, "Grüße, yes.");
        assert_eq!(mail.from, "ann@example.org");
        assert_eq!(
            mail.recipients,
            [
                "reply+abc@in.example.com",
                "tandem@example.com",
                "bob@example.com"
            ]
        );
        assert_eq!(mail.answered.0, Some(uuid::Uuid::from_u128(7)));
        assert!(mail.message_id.contains("a@example.org") && !mail.is_automatic);
    }

    #[rstest]
    #[case::vacation("Auto-Submitted: auto-replied\r\n", true)]
    #[case::no("Auto-Submitted: no\r\n", false)]
    #[case::bounce("Return-Path: <>\r\n", true)]
    #[case::person("Return-Path: <ann@example.org>\r\n", false)]
    fn automatic_answers_are_known(#[case] header: &str, #[case] expected: bool) {
        let text = format!("{header}From: ann@example.org\r\n\r\nHello");
        assert_eq!(read(text.as_bytes()).unwrap().is_automatic, expected);
    }

    #[test]
    fn a_mail_of_html_alone_is_text_without_active_content() {
        let text = "From: a@example.org\r\nContent-Type: text/html\r\n\r\n\
                    <p>Hello</p><script>alert(1)</script>";
        let mail = read(text.as_bytes()).unwrap();
        assert!(
            mail.text.contains("Hello") && !mail.text.contains("<script"),
            "{}",
            mail.text
        );
    }

    #[test]
    fn nested_ten_thousand_deep_it_still_ends() {
        let mut text = "From: a@example.org\r\n".to_owned();
        for at in 0..10_000 {
            text.push_str(&format!(
                "Content-Type: multipart/mixed; boundary=b{at}\r\n\r\n--b{at}\r\n"
            ));
        }
        let _ = read(text.as_bytes());
        let attached = "Content-Type: message/rfc822\r\n\r\nFrom: a@example.org\r\n".repeat(10_000);
        let _ = read(attached.as_bytes());
    }

    #[test]
    fn one_without_an_id_is_known_by_its_bytes() {
        let of =
            |text: &str| read(format!("From: a@example.org\r\n\r\n{text}").as_bytes()).unwrap();
        assert_eq!(of("one").message_id, of("one").message_id);
        assert_ne!(of("one").message_id, of("two").message_id);
    }

    proptest! {
        #[test]
        fn no_bytes_bring_it_down(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_mail_brings_it_down(
            headers in "(From|To|Content-Type|In-Reply-To|Message-ID|Delivered-To|Return-Path): [ -~\r\n]{0,80}",
            body in "[ -~\r\n]{0,200}",
        ) {
            if let Some(mail) = read(format!("{headers}\r\nFrom: a@example.org\r\n\r\n{body}").as_bytes()) {
                prop_assert!(mail.recipients.len() <= RECIPIENTS_MAX);
            }
        }
    }
}
