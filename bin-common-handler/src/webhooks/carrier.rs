//! Requests to a carrier's API: who asks, in which form, and what a refusal means. Twilio's; compatible carriers stand in
//! by the setting `TWILIO_BASE_URL`.

use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::{
    config::{Config, settings},
    httphandler::{HttpFault, HttpRequest, HttpResponse, Method, host_of},
    models::error::Error,
    redact::Secret,
};

const FORM: &str = "application/x-www-form-urlencoded";
/// What stays as it is in a form.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
/// The carrier's host of calls, texts and numbers; the one of messaging services is another.
const API_HOST: &str = "https://api.twilio.com";
const MESSAGING_HOST: &str = "https://messaging.twilio.com";
/// Where the carrier sends those who ask for a picture. There it is given by a signed link, and no credentials are shown.
const MEDIA_PLACES: [&str; 3] = [
    "https://mms.twiliocdn.com/",
    "https://media.twiliocdn.com/",
    "https://s3-external-1.amazonaws.com/media.twiliocdn.com/",
];

/// An account at a carrier, and where its API is.
#[derive(Debug, Clone)]
pub struct CarrierAccount {
    base: String,
    sid: String,
    token: Secret,
}

impl CarrierAccount {
    /// The account `sid`, which shows `token`.
    pub fn new(config: &Config, sid: &str, token: Secret) -> Self {
        let base = config.get(&settings::TWILIO_BASE_URL);
        Self {
            base: base.trim_end_matches('/').to_owned(),
            sid: sid.to_owned(),
            token,
        }
    }

    /// A request about something of the account, e.g. `Messages.json`.
    ///
    /// # Errors
    /// [`HttpFault::BadHeader`] where sid or token cannot be sent.
    pub fn request(&self, method: Method, path: &str) -> Result<HttpRequest, HttpFault> {
        let url = format!(
            "{}/2010-04-01/Accounts/{}/{path}",
            self.base,
            segment(&self.sid)
        );
        self.authorized(HttpRequest::new(method, url))
    }

    /// A request about messaging services, e.g. `Services/<sid>/PhoneNumbers`.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn messaging(&self, method: Method, path: &str) -> Result<HttpRequest, HttpFault> {
        let base = if self.base == API_HOST {
            MESSAGING_HOST
        } else {
            &self.base
        };
        self.authorized(HttpRequest::new(method, format!("{base}/v1/{path}")))
    }

    /// A request for a picture of a text. Only the carrier's own hosts are asked, and only its API sees credentials: a URL
    /// begins with such a place, letter by letter, so that no reading of it can lead elsewhere. None for anybody else's.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn media(&self, url: &str) -> Option<Result<HttpRequest, HttpFault>> {
        let request = || HttpRequest::new(Method::GET, url);
        let own = format!("{}/2010-04-01/Accounts/{}/", self.base, segment(&self.sid));
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_');
        if url
            .strip_prefix(&own)
            .is_some_and(|path| path.bytes().all(is_plain))
        {
            return Some(self.authorized(request()));
        }
        if MEDIA_PLACES.iter().any(|place| url.starts_with(place)) {
            return Some(Ok(request()));
        }
        None
    }

    fn authorized(&self, request: HttpRequest) -> Result<HttpRequest, HttpFault> {
        let shown = BASE64.encode(format!("{}:{}", self.sid, self.token.expose()));
        let request = request.named_by(settings::TWILIO_BASE_URL.name());
        request.header("authorization", &format!("Basic {shown}"))
    }
}

/// What a caller of ours is told where the carrier was not asked: which host it is, and the setting that says so.
pub fn unasked(config: &Config, fault: HttpFault) -> Error {
    let error = Error::from(fault);
    let host = host_of(&config.get(&settings::TWILIO_BASE_URL));
    let setting = settings::TWILIO_BASE_URL.name();
    Error::new(
        error.status(),
        error.reason().to_owned(),
        format!("The provider at {host} ({setting}) cannot be asked: {fault}."),
    )
}

/// With a form as its body.
#[must_use]
pub fn with_form(request: HttpRequest, fields: &[(&str, &str)]) -> HttpRequest {
    request.body(FORM, pairs(fields))
}

/// Names and values as a form or a query has them.
pub fn pairs(fields: &[(&str, &str)]) -> String {
    let pairs = fields.iter();
    pairs
        .map(|(name, value)| format!("{}={}", segment(name), segment(value)))
        .collect::<Vec<_>>()
        .join("&")
}

/// A text as a part of a URL.
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// What a carrier refuses with: its own code, 0 where it says none, and the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarrierRefusal {
    /// E.g. 21610, unsubscribed.
    pub code: u32,
    /// E.g. 400.
    pub status: u16,
}

impl CarrierRefusal {
    /// Whether the same request may be taken another time.
    pub const fn is_passing(self) -> bool {
        self.status == 429 || self.status >= 500
    }
}

/// The refusal in an answer; none where it is none.
pub fn refusal(answer: &HttpResponse) -> Option<CarrierRefusal> {
    #[derive(Deserialize, Default)]
    struct Said {
        #[serde(default)]
        code: Option<u32>,
    }
    if answer.status.is_success() {
        return None;
    }
    let said: Said = answer.json().unwrap_or_default();
    Some(CarrierRefusal {
        code: said.code.unwrap_or_default(),
        status: answer.status.as_u16(),
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, StatusCode};
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(200, "{}", None, false)]
    #[case(201, "", None, false)]
    #[case(400, r#"{"code":21610,"status":400}"#, Some(21610), false)]
    #[case(429, r#"{"code":20429}"#, Some(20429), true)]
    #[case(500, "<html>", Some(0), true)]
    #[case(400, r#"{"code":null}"#, Some(0), false)]
    fn a_refusal_has_the_carriers_code(
        #[case] status: u16,
        #[case] body: &'static str,
        #[case] code: Option<u32>,
        #[case] is_passing: bool,
    ) {
        let found = refusal(&HttpResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from_static(body.as_bytes()),
        });
        assert_eq!(found.map(|found| found.code), code);
        assert_eq!(found.is_some_and(CarrierRefusal::is_passing), is_passing);
    }

    #[rstest]
    #[case::api(
        "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages/MM1/Media/ME1",
        Some(true)
    )]
    #[case::elsewhere_on_it(
        "https://api.twilio.com/2010-04-01/Accounts/AC2/Messages/MM1/Media/ME1",
        None
    )]
    #[case::up(
        "https://api.twilio.com/2010-04-01/Accounts/AC1/../AC2/Media/ME1",
        None
    )]
    #[case::up_in_disguise("https://api.twilio.com/2010-04-01/Accounts/AC1/%2e%2e/AC2", None)]
    #[case::store("https://mms.twiliocdn.com/AC1/x?sig=1", Some(false))]
    #[case::store_of_others("https://s3-external-1.amazonaws.com/evil/x", None)]
    #[case::a_user("https://mms.twiliocdn.com@evil.test/x", None)]
    #[case::a_longer_name("https://mms.twiliocdn.com.evil.test/x", None)]
    #[case::no_tls("http://api.twilio.com/2010-04-01/Accounts/AC1/Media/ME1", None)]
    #[case::inside("http://169.254.169.254/latest", None)]
    fn only_the_carriers_hosts_are_asked_and_only_its_api_sees_credentials(
        #[case] url: &str,
        #[case] credentials: Option<bool>,
    ) {
        let account = CarrierAccount {
            base: API_HOST.to_owned(),
            sid: "AC1".to_owned(),
            token: Secret::new("token"),
        };
        let request = account.media(url).map(Result::unwrap);
        let shown = request.map(|request| format!("{request:?}").contains("authorization"));
        assert_eq!(shown, credentials);
    }

    #[test]
    fn who_was_not_asked_is_named() {
        let values = [("TWILIO_BASE_URL", "http://carrier.test:81/api")];
        let config = Config::with_values(crate::config::COMMON, &values).unwrap();
        let error = unasked(&config, HttpFault::NoConnection);
        assert_eq!(error.reason(), "ENDPOINT_UNAVAILABLE");
        assert_eq!(
            error.message(),
            "The provider at carrier.test (TWILIO_BASE_URL) cannot be asked: no connection to the host."
        );
    }

    #[test]
    fn a_form_is_encoded() {
        let fields = [("To", "+14155550123"), ("Body", "a b&c=\u{e9}")];
        assert_eq!(pairs(&fields), "To=%2B14155550123&Body=a%20b%26c%3D%C3%A9");
    }
}
