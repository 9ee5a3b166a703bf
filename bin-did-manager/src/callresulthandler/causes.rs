//! Codes of why a call ended, out of the texts that scripts put them in.
//!
//! A code is taken from the places where the standards have one, never because it is the first number of a text.

/// Final answers of SIP that are no success.
const SIP: std::ops::RangeInclusive<u32> = 300..=699;
/// Causes of Q.850.
const Q850: std::ops::RangeInclusive<u32> = 1..=127;
/// How protocols are named where they stand before a code.
const SIP_NAMES: [&str; 2] = ["sip/2.0", "sip"];
const Q850_NAMES: [&str; 2] = ["q.850", "q850"];
/// Longest text that is looked at, in bytes.
const TEXT_MAX: usize = 1_024;

/// Codes of SIP: those after `SIP/2.0 `, `SIP ` or `sip:`, of a Reason header's part for SIP (RFC 3326), or a bare one,
/// perhaps with its phrase behind it.
pub(super) fn sip(text: &str) -> Vec<u32> {
    let mut codes = named(text, &SIP_NAMES, &SIP);
    codes.extend(bare(text, 3, &SIP));
    codes
}

/// As [`sip`], of a text that is about another protocol and has no bare codes of SIP.
pub(super) fn sip_beside(text: &str) -> Vec<u32> {
    named(text, &SIP_NAMES, &SIP)
}

/// The cause of Q.850: of a Reason header's part for it, or a bare one.
pub(super) fn q850(text: &str) -> Option<u32> {
    let named = named(text, &Q850_NAMES, &Q850).first().copied();
    named.or_else(|| bare(text, 3, &Q850))
}

/// Every code that stands behind one of these names of a protocol.
fn named(text: &str, names: &[&str], range: &std::ops::RangeInclusive<u32>) -> Vec<u32> {
    let text = unquoted(text).to_ascii_lowercase();
    let mut codes = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..) {
        let begins_word = !text.get(..at).is_some_and(|before| {
            before.ends_with(|c: char| c.is_ascii_alphanumeric() || ".-_".contains(c))
        });
        let found = names.iter().filter(|_| begins_word);
        let code = found
            .filter_map(|name| rest.strip_prefix(name))
            .find_map(|rest| behind(rest, range));
        codes.extend(code);
        at += rest.chars().next().map_or(1, char::len_utf8);
    }
    codes.dedup();
    codes
}

/// The code behind a protocol's name: `;cause=603` among parameters, or the digits themselves after a space or a colon.
fn behind(rest: &str, range: &std::ops::RangeInclusive<u32>) -> Option<u32> {
    let rest = rest.trim_start();
    if let Some(parameters) = rest.strip_prefix(';') {
        let of_protocol = parameters.split(',').next().unwrap_or_default();
        let cause = of_protocol.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            (name.trim() == "cause").then(|| value.trim())
        })?;
        return whole(cause, range);
    }
    let digits = rest.strip_prefix(':').unwrap_or(rest).trim_start();
    leading(digits, range)
}

/// A text that is a code, or begins with one of at most `length` digits and a phrase.
fn bare(text: &str, length: usize, range: &std::ops::RangeInclusive<u32>) -> Option<u32> {
    let text = outer(text);
    // A number of JSON may be a float.
    let text = text.strip_suffix(".0").unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    (1..=length).contains(&digits).then_some(())?;
    leading(text, range)
}

/// Digits at the begin of a text, with nothing or a space behind them.
fn leading(text: &str, range: &std::ops::RangeInclusive<u32>) -> Option<u32> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    let ends = rest.is_empty() || rest.starts_with([' ', ',', ';', ')']);
    ends.then(|| whole(digits, range))?
}

fn whole(digits: &str, range: &std::ops::RangeInclusive<u32>) -> Option<u32> {
    let is_code = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let code = is_code.then(|| digits.parse().ok())??;
    range.contains(&code).then_some(code)
}

/// Without the spaces and the quotes around all of it.
fn outer(text: &str) -> &str {
    let end = text.floor_char_boundary(TEXT_MAX);
    let text = text.get(..end).unwrap_or_default().trim();
    let inner = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .filter(|inner| !inner.contains('"'));
    inner.unwrap_or(text).trim()
}

/// Without what is quoted: phrases may hold any number.
fn unquoted(text: &str) -> String {
    let parts = outer(text).split('"').enumerate();
    parts
        .filter_map(|(n, part)| (n % 2 == 0).then_some(part))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("603", &[603])]
    #[case(" 603 ", &[603])]
    #[case("603.0", &[603])]
    #[case("\"603\"", &[603])]
    #[case("603 Decline", &[603])]
    #[case("SIP/2.0 603 Network Blocked", &[603])]
    #[case("sip/2.0 607 Unwanted", &[607])]
    #[case("\"SIP/2.0 603 Decline\"", &[603])]
    #[case("SIP/2.0  608  Rejected", &[608])]
    #[case("HTTP/1.1 500, SIP/2.0 603", &[603])]
    #[case("2 tries: SIP/2.0 603 Decline", &[603])]
    #[case("SIP/2.0 183 Session Progress SIP/2.0 603 Decline", &[603])]
    #[case("SIP 603 Decline", &[603])]
    #[case("PJSIP/SIP 603", &[603])]
    #[case("sip:603", &[603])]
    #[case("SIP: 607", &[607])]
    #[case("SIP;cause=603", &[603])]
    #[case("SIP ;cause=603 ;text=\"Decline\"", &[603])]
    #[case("SIP; cause = 608", &[608])]
    #[case("Reason: SIP;cause=608;text=\"Call rejected, 21 times\"", &[608])]
    #[case("Q.850;cause=21, SIP;cause=608", &[608])]
    #[case("Q.850;cause=21;text=\"Call Rejected\",SIP;text=\"a;b,c\";cause=607", &[607])]
    #[case("SIP;cause=200;text=\"Call completed elsewhere\"", &[])]
    #[case("Q.850;cause=21", &[])]
    #[case("Q.850;cause=603", &[])]
    #[case("Q.850;cause=16;text=\"SIP/2.0 603\"", &[])]
    #[case("MYSIP;cause=603", &[])]
    #[case("X-SIP;cause=603", &[])]
    #[case("cause 21, not 603", &[])]
    #[case("blocked 603", &[])]
    #[case("sip:6035550123@carrier.example", &[])]
    #[case("sip:603@carrier.example", &[])]
    #[case("SIP/2.0 6030", &[])]
    #[case("SIP/2.0 60", &[])]
    #[case("SIP/2.0", &[])]
    #[case("200", &[])]
    #[case("700", &[])]
    #[case("6035550123", &[])]
    #[case("603x", &[])]
    #[case("Decline", &[])]
    #[case("", &[])]
    fn a_code_of_sip_stands_where_one_belongs(#[case] text: &str, #[case] codes: &[u32]) {
        let mut found = sip(text);
        found.dedup();
        assert_eq!(found, codes, "{text}");
    }

    #[rstest]
    #[case("21", Some(21))]
    #[case("16 Normal Clearing", Some(16))]
    #[case("1.0", Some(1))]
    #[case("Q.850;cause=21", Some(21))]
    #[case("q.850; cause=1", Some(1))]
    #[case("Reason: Q.850;cause=22;text=\"Number changed\"", Some(22))]
    #[case("SIP;cause=404, Q.850;cause=1", Some(1))]
    #[case("Q.850;text=\"1, 22\";cause=21", Some(21))]
    #[case("Q850:17", Some(17))]
    #[case("SIP;cause=404", None)]
    #[case("SIP/2.0 404 Not Found", None)]
    #[case("603", None)]
    #[case("0", None)]
    #[case("128", None)]
    #[case("850", None)]
    #[case("Q.850", None)]
    #[case("Unallocated (1)", None)]
    #[case("99999999999999999999", None)]
    #[case("", None)]
    fn a_cause_of_q850(#[case] text: &str, #[case] cause: Option<u32>) {
        assert_eq!(q850(text), cause, "{text}");
    }

    #[test]
    fn a_bare_number_among_causes_of_another_protocol_is_no_code_of_sip() {
        assert_eq!(sip_beside("603"), [] as [u32; 0]);
        assert_eq!(sip_beside("Q.850;cause=21, SIP;cause=608"), [608]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "(?i)(\\PC|sip|q.850|;cause=|/2.0 |[0-9]){0,40}") {
            prop_assert!(sip(&text).iter().all(|code| SIP.contains(code)));
            prop_assert!(q850(&text).is_none_or(|cause| Q850.contains(&cause)));
        }
    }
}
