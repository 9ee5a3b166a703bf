//! What a destination dials, however it is written.

use std::net::Ipv4Addr;

use percent_encoding::percent_decode_str;

use super::{E164, parse};

/// What a SIP address begins with.
const SIP: &[&str] = &["sips:", "sip:"];
/// How often a text may have been escaped.
const ESCAPED_MAX: usize = 3;
/// Digits of the shortest number that a gateway would send abroad; extensions are shorter.
const DIGITS_MIN: usize = 7;

/// What a destination dials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dialled {
    /// A telephone.
    Number(E164),
    /// Somebody within a system of its own.
    Name,
    /// A number perhaps, that we cannot read and a gateway may.
    Unclear,
}

/// A number, or a SIP address: its user is what a gateway dials, under other schemes and escapes, too.
pub fn dialled(destination: &str) -> Dialled {
    match after_scheme(destination, SIP) {
        Some(address) => dialled_of(address),
        None => parse(destination).map_or(Dialled::Unclear, Dialled::Number),
    }
}

/// As [`dialled`], of a SIP address, which may stand without its scheme.
pub fn dialled_by_sip(address: &str) -> Dialled {
    dialled_of(after_scheme(address, SIP).unwrap_or(address))
}

/// The number that a destination dials, where it is one.
pub fn called_number(destination: &str) -> Option<E164> {
    dialled(destination).number()
}

impl Dialled {
    /// The number, where it is one.
    pub fn number(self) -> Option<E164> {
        match self {
            Self::Number(number) => Some(number),
            Self::Name | Self::Unclear => None,
        }
    }
}

/// What a SIP address without its scheme dials.
fn dialled_of(address: &str) -> Dialled {
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
    match parse(user) {
        Ok(number) => Dialled::Number(number),
        Err(_) if looks_dialled(user) => Dialled::Unclear,
        Err(_) => Dialled::Name,
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
        assert_eq!(told(dialled(text)), expected);
    }

    #[rstest]
    #[case("+14155550123@10.0.0.1", "+14155550123")]
    #[case("sip:+14155550123@10.0.0.1", "+14155550123")]
    #[case("sips:4155550123@gw:5061", "+14155550123")]
    #[case("+18005550100;user=phone@x", "+18005550100")]
    #[case("%2B14155550123@gw", "+14155550123")]
    #[case("alice@example.com", "name")]
    #[case("sip:example.com", "name")]
    #[case("9011493012345678@gw", "unclear")]
    fn a_sip_address_needs_no_scheme(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(told(dialled_by_sip(text)), expected);
    }

    fn told(dialled: Dialled) -> String {
        match dialled {
            Dialled::Number(number) => number.as_str().to_owned(),
            Dialled::Name => "name".to_owned(),
            Dialled::Unclear => "unclear".to_owned(),
        }
    }
}
