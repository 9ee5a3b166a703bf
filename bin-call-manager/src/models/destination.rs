//! What a destination dials, however it is written.

use std::net::Ipv4Addr;

use bin_common_handler::phone;
use percent_encoding::percent_decode_str;

/// How often a text may have been escaped.
const ESCAPED_MAX: usize = 3;
/// Digits of the shortest number that a gateway would send abroad; extensions are shorter.
const DIGITS_MIN: usize = 7;

/// What a destination dials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dialled {
    /// A telephone.
    Number(phone::E164),
    /// Somebody within the buyer's own system.
    Name,
    /// A number perhaps, that we cannot read and a gateway may.
    Unclear,
}

/// A number, or a SIP address: its user is what a gateway dials, under other schemes and escapes, too.
pub(crate) fn dialled(destination: &str) -> Dialled {
    let Some(address) = after_scheme(destination, &["sips:", "sip:"]) else {
        return phone::parse(destination).map_or(Dialled::Unclear, Dialled::Number);
    };
    let Some(address) = unescaped(address) else {
        return Dialled::Unclear;
    };
    let mut user = address.as_str();
    while let Some(rest) = after_scheme(user, &["sips:", "sip:", "tel:"]) {
        user = rest;
    }
    let user = user.trim_start_matches([':', ';', '?', '@', '/', ',', ' ']);
    let end = user.find([':', ';', '@', '?']).unwrap_or(user.len());
    let user = user.get(..end).unwrap_or_default();
    if !address.contains('@') && user.parse::<Ipv4Addr>().is_ok() {
        return Dialled::Name;
    }
    match phone::parse(user) {
        Ok(number) => Dialled::Number(number),
        Err(_) if looks_dialled(user) => Dialled::Unclear,
        Err(_) => Dialled::Name,
    }
}

/// The number that a destination dials, where it is one.
pub(crate) fn called_number(destination: &str) -> Option<phone::E164> {
    match dialled(destination) {
        Dialled::Number(number) => Some(number),
        Dialled::Name | Dialled::Unclear => None,
    }
}

fn after_scheme<'t>(text: &'t str, schemes: &[&str]) -> Option<&'t str> {
    schemes.iter().find_map(|scheme| {
        let (begins, rest) = text.split_at_checked(scheme.len())?;
        begins.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// A text without its escapes; nothing where it still has some, or is no text.
fn unescaped(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..ESCAPED_MAX {
        if !text.contains('%') {
            break;
        }
        text = percent_decode_str(&text).decode_utf8().ok()?.into_owned();
    }
    (!text.contains('%')).then_some(text)
}

/// Nothing but what stands on a dial, and what people put between digits: with a prefix for an outside line it is dialled,
/// though it is no number as it stands.
fn looks_dialled(user: &str) -> bool {
    let is_of_dial = |c: char| c.is_numeric() || "+*#-.() /,".contains(c);
    let digits = user.chars().filter(|c| c.is_numeric()).count();
    user.starts_with('+') || (digits >= DIGITS_MIN && user.chars().all(is_of_dial))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("+14155550123", "+14155550123")]
    #[case("sip:+14155550123@gw", "+14155550123")]
    #[case("SIP:14155550123@gw", "+14155550123")]
    #[case("sip:tel%3A+19005550123@gw", "+19005550123")]
    #[case("sip:tel%253A+19005550123@gw", "+19005550123")]
    #[case("sip:sip:+19005550123@gw", "+19005550123")]
    #[case("sip:%2B1900%35550123@gw", "+19005550123")]
    #[case("sip:;+19005550123@gw", "+19005550123")]
    #[case("sip:+19005550123;phone-context=x@gw", "+19005550123")]
    #[case("sip:9011493012345678@gw", "unclear")]
    #[case("sip:9,011-49-3012345678@gw", "unclear")]
    #[case("sip:*679005550123@gw", "unclear")]
    #[case("sip:%25252531900@gw", "unclear")]
    #[case("sip:+1900@gw", "unclear")]
    #[case("nobody", "unclear")]
    #[case("", "unclear")]
    #[case("sip:sales@pbx.example", "name")]
    #[case("sip:desk12345678@pbx.example", "name")]
    #[case("sip:2001@pbx.example", "name")]
    #[case("sip:pbx.example", "name")]
    #[case("sip:192.168.100.100:5060", "name")]
    fn a_destination_is_read_as_a_gateway_dials_it(#[case] text: &str, #[case] expected: &str) {
        let read = match dialled(text) {
            Dialled::Number(number) => number.as_str().to_owned(),
            Dialled::Name => "name".to_owned(),
            Dialled::Unclear => "unclear".to_owned(),
        };
        assert_eq!(read, expected);
    }
}
