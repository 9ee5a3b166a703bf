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
    Address, AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    address::Envelope,
    transport::smtp::{self, extension::ClientId},
};
use uuid::Uuid;

use crate::{booking::ical::Method, models::retry::Outcome};

/// The server that mail leaves by.
pub(crate) const SMTP_URL: Setting<Secret> = Setting::smtp_url(
    "SMTP_URL",
    "",
    "The server that mail leaves by, with user and password: smtps://…, or smtp://…?tls=required for STARTTLS; empty = no mail",
    "smtps://user:password@mail.example.com",
);
/// Whose mail it is.
pub(crate) const EMAIL_FROM: Setting<String> = Setting::mail_sender(
    "EMAIL_FROM",
    "",
    "Who mail is from; needed with SMTP_URL",
    "Tandem <tandem@example.com>",
);

/// What is wrong with a sender that is none.
const FROM_RULE: &str = "must be a mail address, which is needed with SMTP_URL; \
                         for example EMAIL_FROM=Tandem <tandem@example.com>";
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
    /// An invitation, and what it is for.
    pub calendar: Option<(Method, &'m str)>,
}

/// Whose mail it is.
#[derive(Debug, Clone)]
struct Sender {
    /// For people; may be empty.
    name: String,
    address: Address,
}

impl Sender {
    /// Reads `Name <address>`, or an address alone.
    fn read(text: &str) -> Option<Self> {
        let named = text.trim().strip_suffix('>');
        let (name, address) = named
            .and_then(|rest| rest.split_once('<'))
            .unwrap_or(("", text));
        let address: Address = address.trim().parse().ok()?;
        let text: &str = address.as_ref();
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        is_plain.then(|| Self {
            name: name.trim().trim_matches('"').to_owned(),
            address,
        })
    }
}

/// Sends mail. Clones share it.
#[derive(Clone)]
pub(crate) struct Mailer(Option<Arc<Server>>);

struct Server {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Sender,
}

impl Mailer {
    /// The mailer of the settings; one without a server sends nothing.
    pub(crate) fn new(config: &Config) -> Result<Self, StartError> {
        let url = config.get(&SMTP_URL);
        if url.is_empty() {
            return Ok(Self(None));
        }
        let wrong = |name: &str, rule: &str| StartError::Other(format!("{name} {rule}"));
        let from = Sender::read(&config.get(&EMAIL_FROM))
            .ok_or_else(|| wrong(EMAIL_FROM.name(), FROM_RULE))?;
        let name = ClientId::Domain(from.address.domain().to_owned());
        // Its fault may show the password.
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose())
            .map_err(|_| wrong(SMTP_URL.name(), "must be an smtp or smtps URL"))?
            .timeout(Some(STEP_MAX))
            .hello_name(name)
            .build();
        Ok(Self(Some(Arc::new(Server { transport, from }))))
    }

    /// Who mail is from; none where none is sent.
    pub(crate) fn from(&self) -> Option<&Address> {
        self.0.as_ref().map(|server| &server.from.address)
    }

    /// Hands a mail to the server.
    pub(crate) async fn send(&self, mail: &Mail<'_>) -> Outcome {
        let Some(server) = &self.0 else {
            return Outcome::Refused("EMAIL_OFF");
        };
        let from = server.from.address.clone();
        let to = mail.to.parse().map(|to: Address| vec![to]);
        let envelope = to.map(|to| Envelope::new(Some(from), to));
        let Ok(Ok(envelope)) = envelope else {
            return Outcome::Refused("EMAIL_ADDRESS");
        };
        let message = compose::compose(&server.from, mail);
        let sent = server.transport.send_raw(&envelope, message.as_bytes());
        match tokio::time::timeout(ALL_MAX, sent).await {
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
