//! Access tokens (OAuth 2.0, RFC 6749, section 6): made of a calendar's refresh token, and kept until they end.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    clock::Clock,
    config::{Config, Setting},
    httphandler::{HttpClient, HttpFault, HttpRequest, Method},
    models::time::Timestamp,
    redact::Secret,
};
use moka::sync::Cache;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use uuid::Uuid;

use crate::models::calendar::{Calendar, CalendarType};

/// Tokens that are kept.
const KEPT_MAX: u64 = 10_000;
/// A token that ends sooner is replaced.
const SPARE: Duration = Duration::from_secs(60);
/// Longest answer, in bytes.
const ANSWER_MAX: usize = 64 * 1024;
const FORM: &str = "application/x-www-form-urlencoded";

pub(crate) const GOOGLE_CALENDAR_URL: Setting<String> = Setting::web_address(
    "GOOGLE_CALENDAR_URL",
    "https://www.googleapis.com/calendar/v3",
    "Google Calendar's API",
    "https://www.googleapis.com/calendar/v3",
);
pub(crate) const GOOGLE_TOKEN_URL: Setting<String> = Setting::web_address(
    "GOOGLE_TOKEN_URL",
    "https://oauth2.googleapis.com/token",
    "Where Google makes access tokens",
    "https://oauth2.googleapis.com/token",
);
pub(crate) const GOOGLE_CLIENT_ID: Setting<String> = Setting::text(
    "GOOGLE_CLIENT_ID",
    "",
    "The installation's client id at Google, for calendars of type google",
    "1234-abcd.apps.googleusercontent.com",
);
pub(crate) const GOOGLE_CLIENT_SECRET: Setting<Secret> = Setting::secret(
    "GOOGLE_CLIENT_SECRET",
    "",
    "The secret of that client",
    "GOCSPX-...",
);
pub(crate) const MICROSOFT_GRAPH_URL: Setting<String> = Setting::web_address(
    "MICROSOFT_GRAPH_URL",
    "https://graph.microsoft.com/v1.0",
    "Microsoft Graph",
    "https://graph.microsoft.com/v1.0",
);
pub(crate) const MICROSOFT_TOKEN_URL: Setting<String> = Setting::web_address(
    "MICROSOFT_TOKEN_URL",
    "https://login.microsoftonline.com/common/oauth2/v2.0/token",
    "Where Microsoft makes access tokens",
    "https://login.microsoftonline.com/common/oauth2/v2.0/token",
);
pub(crate) const MICROSOFT_CLIENT_ID: Setting<String> = Setting::text(
    "MICROSOFT_CLIENT_ID",
    "",
    "The installation's client id at Microsoft, for calendars of type graph",
    "6731de76-14a6-49ae-97bc-6eba6914391e",
);
pub(crate) const MICROSOFT_CLIENT_SECRET: Setting<Secret> = Setting::secret(
    "MICROSOFT_CLIENT_SECRET",
    "",
    "The secret of that client",
    "a-secret-of-the-client",
);

/// Why there is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenFault {
    /// The consent was taken back.
    Refused,
    /// The server is away, or has a fault of its own.
    Away,
}

impl From<HttpFault> for TokenFault {
    fn from(_: HttpFault) -> Self {
        Self::Away
    }
}

/// What an installation is to one of them.
struct Client {
    url: String,
    token_url: String,
    id: String,
    secret: Secret,
}

/// The tokens of all calendars.
pub(crate) struct Tokens {
    google: Client,
    graph: Client,
    clock: Clock,
    kept: Cache<(Uuid, Timestamp), Arc<Token>>,
}

struct Token {
    header: Secret,
    until: Timestamp,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

impl Tokens {
    pub(crate) fn new(config: &Config, clock: Clock) -> Self {
        Self {
            google: Client {
                url: config.get(&GOOGLE_CALENDAR_URL),
                token_url: config.get(&GOOGLE_TOKEN_URL),
                id: config.get(&GOOGLE_CLIENT_ID),
                secret: config.get(&GOOGLE_CLIENT_SECRET),
            },
            graph: Client {
                url: config.get(&MICROSOFT_GRAPH_URL),
                token_url: config.get(&MICROSOFT_TOKEN_URL),
                id: config.get(&MICROSOFT_CLIENT_ID),
                secret: config.get(&MICROSOFT_CLIENT_SECRET),
            },
            clock,
            kept: Cache::builder().max_capacity(KEPT_MAX).build(),
        }
    }

    pub(crate) fn google_url(&self) -> &str {
        &self.google.url
    }

    pub(crate) fn graph_url(&self) -> &str {
        &self.graph.url
    }

    /// The header of an account (RFC 6750).
    ///
    /// # Errors
    /// [`TokenFault::Refused`] when the consent was taken back; others while the server is away.
    pub(crate) async fn bearer(
        &self,
        http: &HttpClient,
        calendar: &Calendar,
        refresh: &Secret,
    ) -> Result<Secret, TokenFault> {
        // A calendar that was changed may have another account.
        let key = (calendar.id, calendar.tm_update);
        let now = self.clock.now();
        if let Some(token) = self.kept.get(&key).filter(|token| token.until > now) {
            return Ok(token.header.clone());
        }
        let client = if calendar.r#type == CalendarType::Google {
            &self.google
        } else {
            &self.graph
        };
        let answer = client.refresh(http, refresh).await?;
        let header = Secret::new(format!("Bearer {}", answer.access_token));
        let life = Duration::from_secs(answer.expires_in).saturating_sub(SPARE);
        let token = Token {
            header: header.clone(),
            until: now.plus(life),
        };
        self.kept.insert(key, Arc::new(token));
        Ok(header)
    }
}

impl Client {
    async fn refresh(&self, http: &HttpClient, refresh: &Secret) -> Result<Answer, TokenFault> {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let body = format!(
            "grant_type=refresh_token&refresh_token={}&client_id={}&client_secret={}",
            encoded(refresh.expose()),
            encoded(&self.id),
            encoded(self.secret.expose()),
        );
        let request = HttpRequest::new(Method::POST, self.token_url.as_str())
            .body(FORM, body)
            .at_most(ANSWER_MAX)
            .repeatable();
        let answer = http.send(&request).await?;
        // Section 5.2: invalid_grant and its kin are 400 or 401.
        if answer.status.is_client_error() {
            return Err(TokenFault::Refused);
        }
        if !answer.status.is_success() {
            return Err(TokenFault::Away);
        }
        Ok(answer.json()?)
    }
}
