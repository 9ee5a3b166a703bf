//! Whether a target fits its type, and its one form.

use std::net::Ipv6Addr;

use super::{Address, AddressType};
use crate::{
    models::{
        error::{Error, Result},
        identity::parse_uuid,
    },
    phone,
};

/// Longest target, in bytes.
const TARGET_MAX: usize = 255;
/// Longest extension, in bytes.
const EXTENSION_MAX: usize = 64;

impl Address {
    /// The address with its target normalised.
    ///
    /// # Errors
    /// 400 naming `field` when the target does not fit its type.
    pub fn validated(mut self, field: &str) -> Result<Self> {
        let refuse = |what: &str| {
            Err(Error::invalid_argument(
                "INVALID_ADDRESS",
                format!("{field}.target must be {what}."),
            ))
        };
        if self.target.len() > TARGET_MAX {
            return refuse("at most 255 bytes");
        }
        match self.kind {
            AddressType::None => {
                return Err(Error::invalid_argument(
                    "INVALID_ADDRESS",
                    format!("{field}.type must be given."),
                ));
            }
            AddressType::Tel | AddressType::Whatsapp => {
                let number = phone::parse(&self.target).map_err(|fault| {
                    Error::invalid_argument("INVALID_ADDRESS", format!("{field}.target {fault}."))
                })?;
                number.as_str().clone_into(&mut self.target);
            }
            AddressType::Sip => match sip_uri(&self.target) {
                Some(uri) => self.target = uri,
                None => return refuse("a SIP URI such as user@domain or sips:user@domain:5061"),
            },
            AddressType::Email => {
                if !is_email(&self.target) {
                    return refuse("an e-mail address");
                }
            }
            AddressType::Line => {
                if self.target.is_empty() {
                    return refuse("a LINE user");
                }
            }
            AddressType::Agent | AddressType::Extension => match parse_uuid(&self.target) {
                Some(id) => self.target = id.to_string(),
                None if is_extension(&self.target) => {}
                None => return refuse("a UUID, or what is dialled, such as 2001"),
            },
            AddressType::Ai
            | AddressType::AiTeam
            | AddressType::Conference
            | AddressType::Webchat
            | AddressType::WebSession => match parse_uuid(&self.target) {
                Some(id) => self.target = id.to_string(),
                None => return refuse("a UUID"),
            },
            AddressType::Other(_) => return refuse("of a known type"),
        }
        Ok(self)
    }
}

/// A SIP URI as it is kept: `sip:` is left out where a user is named, `sips:` stays.
fn sip_uri(text: &str) -> Option<String> {
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sips") => ("sips:", rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("sip") => ("sip:", rest),
        _ => ("", text),
    };
    if !rest
        .chars()
        .all(|c| c.is_ascii_graphic() && !"<>\"".contains(c))
    {
        return None;
    }
    let (user, place) = match rest.rsplit_once('@') {
        Some((user, place)) => (Some(user), place),
        None => (None, rest),
    };
    let user_fits = user.map_or(!scheme.is_empty(), |user| {
        !user.is_empty() && !user.starts_with(':') && !user.contains('@')
    });
    let host = place.split([';', '?']).next().unwrap_or_default();
    if !user_fits || !is_host_and_port(host) {
        return None;
    }
    let scheme = if user.is_some() && scheme == "sip:" {
        ""
    } else {
        scheme
    };
    Some(format!("{scheme}{rest}"))
}

/// `host`, `host:5060`, `192.0.2.1:5060`, `[2001:db8::1]` or `[2001:db8::1]:5060`.
fn is_host_and_port(text: &str) -> bool {
    let is_port = |text: &str| text.parse::<u16>().is_ok_and(|port| port > 0);
    if let Some(rest) = text.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            address.parse::<Ipv6Addr>().is_ok()
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        });
    }
    match text.split_once(':') {
        Some((host, port)) => is_domain(host) && is_port(port),
        None => is_domain(text),
    }
}

fn is_domain(text: &str) -> bool {
    let fits = |label: &str| {
        !label.is_empty()
            && label
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    text.strip_suffix('.').unwrap_or(text).split('.').all(fits)
}

/// Whether a text is a mail address.
pub(crate) fn is_email(text: &str) -> bool {
    text.rsplit_once('@').is_some_and(|(user, domain)| {
        !user.is_empty()
            && user.chars().all(|c| c.is_ascii_graphic() && c != '@')
            && is_domain(domain)
    })
}

/// What a telephone can dial inside a house, or the name of an agent.
fn is_extension(text: &str) -> bool {
    (1..=EXTENSION_MAX).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-+*#".contains(c))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::testing::phones::{REFUSED, TAKEN};

    #[rstest]
    #[case(AddressType::Sip, "alice@example.com", true)]
    #[case(AddressType::Sip, "alice", false)]
    #[case(AddressType::Sip, "a b@example.com", false)]
    #[case(AddressType::Email, "a@b.example", true)]
    #[case(AddressType::Email, "a@", false)]
    #[case(AddressType::Agent, "5B1A0000-0000-0000-0000-00000000000A", true)]
    #[case(AddressType::Sip, "sip:alice@example.com;transport=ws", true)]
    #[case(
        AddressType::Sip,
        "sip:alice@example.com:5060;transport=tls?X-Id=7",
        true
    )]
    #[case(AddressType::Sip, "SIPS:alice@example.com", true)]
    #[case(
        AddressType::Sip,
        "sip:+14155550123;phone-context=example.com@gw.example.com",
        true
    )]
    #[case(AddressType::Sip, "sip:alice:secret@192.0.2.1:5080", true)]
    #[case(AddressType::Sip, "alice@[2001:db8::1]", true)]
    #[case(AddressType::Sip, "sip:alice@[2001:db8::1]:5061;lr", true)]
    #[case(AddressType::Sip, "sip:pbx.example.com", true)]
    #[case(AddressType::Sip, "2001@pbx_1", true)]
    #[case(AddressType::Sip, "sip:alice@example.com:0", false)]
    #[case(AddressType::Sip, "sip:alice@example.com:70000", false)]
    #[case(AddressType::Sip, "sip:alice@[2001:db8::1", false)]
    #[case(AddressType::Sip, "sip:alice@[example]", false)]
    #[case(AddressType::Sip, "sip:@example.com", false)]
    #[case(AddressType::Sip, "sip:a@b@example.com", false)]
    #[case(AddressType::Sip, "sip:", false)]
    #[case(AddressType::Sip, "<sip:alice@example.com>", false)]
    #[case(AddressType::Sip, "sip:alice@", false)]
    #[case(AddressType::Extension, "1001", true)]
    #[case(AddressType::Extension, "*72#", true)]
    #[case(AddressType::Extension, "5B1A0000-0000-0000-0000-00000000000A", true)]
    #[case(AddressType::Extension, "20 01", false)]
    #[case(AddressType::Extension, "", false)]
    #[case(AddressType::Agent, "6666", true)]
    #[case(AddressType::Agent, "ana.m", true)]
    #[case(AddressType::Agent, "ana@x", false)]
    #[case(AddressType::Conference, "6666", false)]
    #[case(AddressType::Tel, "4155550123456789", false)]
    #[case(AddressType::Other("fax"), "1", false)]
    #[case(AddressType::None, "x", false)]
    #[case(AddressType::Whatsapp, "+4915112345678", true)]
    fn a_target_must_fit_its_type(
        #[case] kind: AddressType,
        #[case] target: &str,
        #[case] fits: bool,
    ) {
        let address = Address {
            kind,
            target: target.to_owned(),
            ..Address::default()
        };
        let result = address.validated("destination_2");
        assert_eq!(result.is_ok(), fits);
        if let Err(error) = result {
            assert!(
                error.message().starts_with("destination_2."),
                "{}",
                error.message()
            );
        }
    }

    #[rstest]
    #[case("sip:a@b.example", "a@b.example")]
    #[case("SIP:a@b.example;transport=ws", "a@b.example;transport=ws")]
    #[case("sips:a@b.example", "sips:a@b.example")]
    #[case("Sips:a@[::1]:5061", "sips:a@[::1]:5061")]
    #[case("sip:b.example", "sip:b.example")]
    fn a_sip_uri_has_one_form_and_keeps_it(#[case] text: &str, #[case] kept: &str) {
        let once = sip_uri(text).unwrap();
        assert_eq!(once, kept);
        assert_eq!(sip_uri(&once).unwrap(), kept);
    }

    #[test]
    fn phone_numbers_are_read_as_everywhere() {
        let read = |text: &str| {
            let address = Address {
                kind: AddressType::Tel,
                target: text.to_owned(),
                ..Address::default()
            };
            address.validated("destination_0")
        };
        for (text, number) in TAKEN {
            assert_eq!(read(text).unwrap().target, *number, "{text:?}");
        }
        for (text, fault) in REFUSED {
            let message = read(text).unwrap_err().message().to_owned();
            assert_eq!(
                message,
                format!("destination_0.target {fault}."),
                "{text:?}"
            );
        }
    }
}
