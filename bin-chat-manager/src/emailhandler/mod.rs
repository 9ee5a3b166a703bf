//! Mail on its way out: one message, one SMTP transaction (RFC 5321), over TLS where the server's address says so.

mod compose;

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    config::{Config, Setting},
    daemon::StartError,
    models::time::Timestamp,
    redact::Secret,
};
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{self, extension::ClientId},
};
use uuid::Uuid;

use crate::models::retry::Outcome;

/// The server that mail leaves by.
pub(crate) const SMTP_URL: Setting<Secret> = Setting::secret(
    "SMTP_URL",
    "",
    "The server that mail leaves by, with user and password: smtps://…, or smtp://…?tls=required for STARTTLS; empty = no mail",
    "smtps://user:password@mail.example.com",
);
/// Whose mail it is.
pub(crate) const EMAIL_FROM: Setting<String> = Setting::text(
    "EMAIL_FROM",
    "",
    "Who mail is from; needed with SMTP_URL",
    "Tandem <tandem@example.com>",
);

/// How long one step may take.
const STEP_MAX: Duration = Duration::from_secs(15);
/// How long all of it may take.
const ALL_MAX: Duration = Duration::from_secs(30);
/// Replies that tell of our own login, which a person of the installation puts right (RFC 4954, 6).
const LOGIN: [u16; 4] = [454, 530, 534, 535];

/// One mail.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mail<'m> {
    /// Makes its Message-ID, the same with every try.
    pub id: Uuid,
    /// A plain address.
    pub to: &'m str,
    /// One line.
    pub subject: &'m str,
    /// Plain text.
    pub body: &'m str,
    /// When it was written.
    pub at: Timestamp,
    /// Where answers go; empty = to the sender.
    pub reply_to: &'m str,
    /// An invitation to an appointment: iCalendar, and its method.
    pub invitation: Option<(&'m str, &'m str)>,
}

/// Sends mail. Clones share it.
#[derive(Clone)]
pub(crate) struct Mailer(Option<Arc<Server>>);

struct Server {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl Mailer {
    /// The mailer of the settings; one without a server sends nothing.
    pub(crate) fn new(config: &Config) -> Result<Self, StartError> {
        let url = config.get(&SMTP_URL);
        if url.is_empty() {
            return Ok(Self(None));
        }
        let wrong = |name: &str, rule: &str| StartError::Other(format!("{name} {rule}"));
        let from: Mailbox = config
            .get(&EMAIL_FROM)
            .parse()
            .map_err(|_| wrong(EMAIL_FROM.name(), "must be a mail address"))?;
        let name = ClientId::Domain(from.email.domain().to_owned());
        // Its fault may show the password.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose())
            .map_err(|_| wrong(SMTP_URL.name(), "must be an smtp or smtps URL"))?
            .timeout(Some(STEP_MAX))
            .hello_name(name)
            .build();
        Ok(Self(Some(Arc::new(Server { transport, from }))))
    }

    /// Who mail is from; none where none is sent.
    pub(crate) fn from(&self) -> Option<&Mailbox> {
        self.0.as_ref().map(|server| &server.from)
    }

    /// Hands a mail to the server.
    pub(crate) async fn send(&self, mail: &Mail<'_>) -> Outcome {
        let Some(server) = &self.0 else {
            return Outcome::Refused("EMAIL_OFF");
        };
        let Some(message) = compose::compose(&server.from, mail) else {
            return Outcome::Refused("EMAIL_NOT_WRITTEN");
        };
        match tokio::time::timeout(ALL_MAX, server.transport.send(message)).await {
            Ok(Ok(_)) => Outcome::Sent,
            Ok(Err(fault)) => outcome(&fault),
            Err(_) => Outcome::TryAgain("SMTP_LATE"),
        }
    }
}

/// What a server says for ever, and what it says for now. Its words may hold an address, so they are not passed on.
fn outcome(fault: &smtp::Error) -> Outcome {
    let code = fault.status().map(u16::from);
    if code.is_some_and(|code| LOGIN.contains(&code)) {
        return Outcome::TryAgain("SMTP_LOGIN_REFUSED");
    }
    if fault.is_permanent() {
        Outcome::Refused("SMTP_REFUSED")
    } else if fault.is_transient() {
        Outcome::TryAgain("SMTP_NOT_NOW")
    } else if fault.is_timeout() {
        Outcome::TryAgain("SMTP_LATE")
    } else {
        Outcome::TryAgain("SMTP_UNREACHABLE")
    }
}
