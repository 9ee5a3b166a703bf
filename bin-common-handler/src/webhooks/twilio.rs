//! The signature of Twilio's webhooks, which compatible carriers have as well.
//!
//! A form is signed with the account's token: base64 of HMAC-SHA1 over the URL, followed by name and decoded value of
//! every parameter in the order of their names. Any other body is named in the query by its SHA-256 (`bodySHA256`), and
//! the URL alone is signed. The URL is the one that the carrier was given, which the bridge knows by `PUBLIC_URL`.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{
    listenhandler::{Raw, form_fields, parse_query},
    models::text::hex,
    redact::Secret,
};

/// The header that holds the signature, as [`Routes::raw`](crate::listenhandler::Routes::raw) wants it.
pub const SIGNATURE: &str = "x-twilio-signature";
/// The parameter of the query that names a body which is no form.
const BODY_SHA256: &str = "bodySHA256";
const CONTENT_TYPE: &str = "content-type";
const FORM: &str = "application/x-www-form-urlencoded";

/// A request as it was signed.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'r> {
    /// The whole URL, with its query.
    pub url: &'r str,
    /// Of the body; empty where none is named.
    pub content_type: &'r str,
    /// The body's bytes.
    pub body: &'r [u8],
}

/// Whether `request` was sent by somebody who has `token`. A token that is empty proves nothing.
pub fn is_signed(token: &Secret, request: &Raw) -> bool {
    let signed = Signed {
        url: request.url(),
        content_type: request.header(CONTENT_TYPE).unwrap_or_default(),
        body: request.body(),
    };
    request
        .header(SIGNATURE)
        .is_some_and(|signature| signed.is_by(token, signature))
}

impl Signed<'_> {
    /// Whether `signature` was made with `token`; compared in constant time. Carriers are not of one mind about the
    /// port of a URL, so it counts with and without it.
    pub fn is_by(&self, token: &Secret, signature: &str) -> bool {
        let Ok(given) = BASE64.decode(signature) else {
            return false;
        };
        if token.is_empty() || !self.names_its_body() {
            return false;
        }
        let fields = self.fields();
        spellings(self.url)
            .iter()
            .any(|url| mac(token, url, &fields).is_some_and(|mac| mac.verify_slice(&given).is_ok()))
    }

    /// The signature that `token` makes: for those who send webhooks, such as tests.
    pub fn by(&self, token: &Secret) -> String {
        let made = mac(token, self.url, &self.fields());
        made.map_or_else(String::new, |mac| {
            BASE64.encode(mac.finalize().into_bytes())
        })
    }

    fn is_form(&self) -> bool {
        let media_type = self.content_type.split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case(FORM) || self.body.is_empty()
    }

    /// A form is signed itself; any other body must be the one that the signed URL names.
    fn names_its_body(&self) -> bool {
        if self.is_form() {
            return true;
        }
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        let named = parse_query(query).remove(BODY_SHA256).unwrap_or_default();
        let digest = hex(&Sha256::digest(self.body));
        let named = named.to_ascii_lowercase();
        named.as_bytes().ct_eq(digest.as_bytes()).into()
    }

    fn fields(&self) -> Fields {
        let mut fields = Fields::new();
        if self.is_form() {
            for (name, value) in form_fields(self.body) {
                fields.entry(name).or_default().insert(value);
            }
        }
        fields
    }
}

/// Parameters in the order of their names; equal ones in the order of their values, each value once.
type Fields = BTreeMap<String, BTreeSet<String>>;

fn mac(token: &Secret, url: &str, fields: &Fields) -> Option<Hmac<Sha1>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(token.expose().as_bytes()).ok()?;
    mac.update(url.as_bytes());
    for (name, values) in fields {
        for value in values {
            mac.update(name.as_bytes());
            mac.update(value.as_bytes());
        }
    }
    Some(mac)
}

/// The URL as it is, and with its port left out, or the usual one of its scheme put in.
fn spellings(url: &str) -> Vec<String> {
    let mut spellings = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else {
        return spellings;
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let port = host
        .rsplit_once(':')
        .filter(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
    let usual = match scheme {
        "https" => 443,
        _ => 80,
    };
    spellings.push(match port {
        Some((host, _)) => format!("{scheme}://{host}{path}"),
        None => format!("{scheme}://{host}:{usual}{path}"),
    });
    spellings
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// Twilio's own example.
    const TOKEN: &str = "12345";
    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const BODY: &str = "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212";
    const SIGNED: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

    fn form<'r>(url: &'r str, body: &'r str) -> Signed<'r> {
        Signed {
            url,
            content_type: FORM,
            body: body.as_bytes(),
        }
    }

    fn token() -> Secret {
        Secret::new(TOKEN)
    }

    #[test]
    fn the_vector_of_the_carriers_documentation_is_right() {
        assert_eq!(form(URL, BODY).by(&token()), SIGNED);
        assert!(form(URL, BODY).is_by(&token(), SIGNED));
    }

    #[test]
    fn the_order_of_parameters_is_no_part_of_it() {
        let turned: Vec<_> = BODY.rsplit('&').collect();
        assert!(form(URL, &turned.join("&")).is_by(&token(), SIGNED));
    }

    #[rstest]
    #[case::another_token("12346", URL, BODY, SIGNED)]
    #[case::no_token("", URL, BODY, SIGNED)]
    #[case::another_path(TOKEN, "https://mycompany.com/myapp.php5?foo=1&bar=2", BODY, SIGNED)]
    #[case::no_query(TOKEN, "https://mycompany.com/myapp.php", BODY, SIGNED)]
    #[case::another_query(TOKEN, "https://mycompany.com/myapp.php?foo=1&bar=3", BODY, SIGNED)]
    #[case::another_scheme(TOKEN, "http://mycompany.com/myapp.php?foo=1&bar=2", BODY, SIGNED)]
    #[case::one_more(TOKEN, URL, &[BODY, "&x=1"].concat(), SIGNED)]
    #[case::one_less(TOKEN, URL, BODY.rsplit_once('&').unwrap().0, SIGNED)]
    #[case::another_value(TOKEN, URL, &BODY.replace("1234&", "1235&"), SIGNED)]
    #[case::not_decoded(TOKEN, URL, &BODY.replace("%2B", "%252B"), SIGNED)]
    #[case::nothing(TOKEN, URL, BODY, "")]
    #[case::no_base64(TOKEN, URL, BODY, "???")]
    #[case::cut(TOKEN, URL, BODY, "RSOYDt4T1cUTdK1PDd93")]
    #[case::longer(TOKEN, URL, BODY, "RSOYDt4T1cUTdK1PDd93/VVr8B8AAAA=")]
    fn whatever_differs_is_refused(
        #[case] token: &str,
        #[case] url: &str,
        #[case] body: &str,
        #[case] signature: &str,
    ) {
        assert!(!form(url, body).is_by(&Secret::new(token), signature));
    }

    #[test]
    fn the_url_and_the_raw_body_are_no_signature() {
        let mut mac = Hmac::<Sha1>::new_from_slice(TOKEN.as_bytes()).unwrap();
        mac.update(URL.as_bytes());
        mac.update(BODY.as_bytes());
        let wrong = BASE64.encode(mac.finalize().into_bytes());
        assert!(!form(URL, BODY).is_by(&token(), &wrong));
    }

    #[rstest]
    #[case("https://h/p?a=1", "https://h:443/p?a=1", true)]
    #[case("http://h/p", "http://h:80/p", true)]
    #[case("https://h", "https://h:443", true)]
    #[case("https://[::1]/p", "https://[::1]:443/p", true)]
    #[case("https://h:8443/p", "https://h/p", true)]
    #[case("https://h/p", "https://h:8443/p", false)]
    #[case("https://h/p", "https://h:80/p", false)]
    #[case("https://h/p:443", "https://h/p", false)]
    fn a_port_may_be_left_out(#[case] ours: &str, #[case] signed: &str, #[case] is_same: bool) {
        let signature = form(signed, BODY).by(&token());
        assert_eq!(form(ours, BODY).is_by(&token(), &signature), is_same);
        assert!(form(signed, BODY).is_by(&token(), &signature));
    }

    #[rstest]
    #[case("a=2&a=1&a=2", "a=1&a=2")]
    #[case("a=&b", "b=&a")]
    #[case("Body=caf%C3%A9+%26", "Body=caf\u{e9}%20%26")]
    fn parameters_count_as_they_are_decoded_each_value_once(
        #[case] one: &str,
        #[case] other: &str,
    ) {
        assert_eq!(form(URL, one).by(&token()), form(URL, other).by(&token()));
    }

    const JSON_BODY: &[u8] = br#"{"property": "value", "boolean": true}"#;

    fn json<'r>(url: &'r str, body: &'r [u8]) -> Signed<'r> {
        Signed {
            url,
            content_type: "application/json; charset=utf-8",
            body,
        }
    }

    #[test]
    fn the_carriers_vector_of_json_is_right() {
        let digest = hex(&Sha256::digest(JSON_BODY));
        let url = format!("{URL}&bodySHA256={digest}");
        assert!(json(&url, JSON_BODY).is_by(&token(), "a9nBmqA0ju/hNViExpshrM61xv4="));
    }

    #[rstest]
    #[case::right(JSON_BODY, true)]
    #[case::another_body(br#"{"property": "value", "boolean": false}"#, false)]
    fn a_body_that_is_no_form_is_named_by_the_signed_url(
        #[case] body: &[u8],
        #[case] expected: bool,
    ) {
        for digest in [
            "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
            "0A1FF7634D9AB3B95DB5C9A2DFE9416E41502B283A80C7CF19632632F96E6620",
        ] {
            let url = format!("{URL}&bodySHA256={digest}");
            let signature = json(&url, JSON_BODY).by(&token());
            assert_eq!(json(&url, body).is_by(&token(), &signature), expected);
        }
    }

    #[test]
    fn a_body_that_nobody_signed_is_refused() {
        let signature = json(URL, JSON_BODY).by(&token());
        assert!(!json(URL, JSON_BODY).is_by(&token(), &signature));
        let empty = format!("{URL}&bodySHA256=");
        let signature = json(&empty, JSON_BODY).by(&token());
        assert!(!json(&empty, JSON_BODY).is_by(&token(), &signature));
    }

    proptest! {
        #[test]
        fn what_is_signed_is_believed_and_nothing_else_is(
            body in "[a-z=&%+]{0,60}", more in "[a-z]{1,5}=[a-z]{1,5}", other in "\\PC{0,40}"
        ) {
            let signature = form(URL, &body).by(&token());
            prop_assert!(form(URL, &body).is_by(&token(), &signature));
            let longer = format!("{body}&0{more}");
            prop_assert!(!form(URL, &longer).is_by(&token(), &signature));
            prop_assert!(!form(URL, &body).is_by(&token(), &other));
        }

        #[test]
        fn any_bytes_are_looked_at_without_harm(
            url in "\\PC{0,60}", body in prop::collection::vec(any::<u8>(), 0..60), kind in "\\PC{0,20}"
        ) {
            let signed = Signed { url: &url, content_type: &kind, body: &body };
            prop_assert!(!signed.is_by(&token(), SIGNED));
        }
    }
}
