//! Whether the carrier's webhooks will be believed: a signed form is sent as the carrier would send it, about nothing.

use std::path::PathBuf;

use bin_common_handler::redact::Secret;
use clap::Args;
use provider_stand_in::{Account, Answer, Hook, Provider};

use super::{installation::Installation, story};
use crate::output;

/// The id of a call that never was.
const CALL: &str = "CAtandemsignaturetest";
/// Who calls: a number of the range that nobody has.
const FROM: &str = "+14155550123";
/// Where the path of a number's status webhook ends. At another webhook the form would begin a call that nobody ends.
const STATUS_PATH: &str = "/v1/webhooks/twilio/status";
/// A token that is wrong, with the length of a right one.
const WRONG: &str = "00000000000000000000000000000000";
/// What 200 means where the token is wrong.
const UNKNOWN: &str = "200 for a wrong token: that number is not registered here, so no signature was looked at; \
                       GET /v1/phone_numbers says which numbers are";
/// What curl says after the answer to a wrong token.
const WRONG_MEANS: &str =
    "403 is right here; 200 at the first means that the number is not registered here";
/// And after the answer to the right one.
const RIGHT_MEANS: &str =
    "200 is right here; 403 means that PUBLIC_URL is not this URL, or that account or token differ";

/// Flags of the command.
#[derive(Args)]
pub struct Signature {
    /// The number's status webhook, exactly as it stands at the carrier
    #[arg(long, required_unless_present = "self_test")]
    url: Option<String>,
    /// The account's id at the carrier
    #[arg(long, value_name = "ID", required_unless_present = "self_test")]
    account: Option<String>,
    /// A file that holds the account's auth token and nothing else
    #[arg(long, value_name = "FILE", required_unless_present = "self_test")]
    token_file: Option<PathBuf>,
    /// Your number, which the webhook is of
    #[arg(long, value_name = "NUMBER", required_unless_present = "self_test")]
    to: Option<String>,
    /// Who the call is from
    #[arg(long, value_name = "NUMBER", default_value = FROM)]
    from: String,
    /// Start Tandem in a temporary folder, and send it a form with the right token and one with a wrong one
    #[arg(long, conflicts_with_all = ["url", "account", "token_file", "to"])]
    self_test: bool,
}

impl Signature {
    /// Sends it.
    ///
    /// # Errors
    /// What the answer means where it is not 200; a URL or an account that can be none, before anything is sent.
    pub async fn send(&self) -> Result<(), String> {
        if self.self_test {
            return self_test().await;
        }
        let given = |given: &Option<String>| given.clone().unwrap_or_default();
        let url = given(&self.url);
        check_url(&url)?;
        check_account(&given(&self.account))?;
        let file = self.token_file.clone().unwrap_or_default();
        let token = std::fs::read_to_string(&file)
            .map_err(|fault| format!("{} cannot be read: {fault}", file.display()))?;
        let account = Account {
            sid: given(&self.account),
            token: token.trim().to_owned(),
        };
        if !url.starts_with("http://") {
            return by_hand(&url, &account, &given(&self.to), &self.from);
        }
        let carrier = Provider::start().await.map_err(|fault| fault.to_string())?;
        let tried = try_both(&carrier, &account, &url, &given(&self.to), &self.from).await;
        carrier.stop().await;
        tried
    }
}

fn check_url(url: &str) -> Result<(), String> {
    let path = url.split(['?', '#']).next().unwrap_or(url);
    let is_web = url.starts_with("http://") || url.starts_with("https://");
    if is_web && path.ends_with(STATUS_PATH) {
        return Ok(());
    }
    Err(format!(
        "--url must be the number's status webhook: PUBLIC_URL{STATUS_PATH}, such as \
         https://texts.example.com{STATUS_PATH}"
    ))
}

fn check_account(account: &str) -> Result<(), String> {
    if !account.is_empty() && account.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(
        "--account must be the account's id at the carrier: letters and digits, AC at first"
            .to_owned(),
    )
}

/// A wrong token first: where that is believed, the number is nobody's, and nothing was looked at.
async fn try_both(
    carrier: &Provider,
    account: &Account,
    url: &str,
    to: &str,
    from: &str,
) -> Result<(), String> {
    let hook = form(account, url, to, from);
    let send = async |token: &str| {
        carrier.add_account(Account {
            sid: account.sid.clone(),
            token: token.to_owned(),
        });
        let sent = carrier.send(&hook).await;
        sent.map_err(|fault| format!("{url} cannot be reached: {fault}"))
    };
    match send(WRONG).await?.status {
        403 => say("403: a wrong token is refused")?,
        200 => return Err(UNKNOWN.to_owned()),
        status => return Err(format!("{status}: no webhook of a number is here")),
    }
    judge(&send(&account.token).await?)
}

fn say(line: &str) -> Result<(), String> {
    output::line(line).map_err(|fault| fault.to_string())
}

/// What the carrier would send.
fn form(account: &Account, url: &str, to: &str, from: &str) -> Hook {
    let fields = [
        ("AccountSid", account.sid.as_str()),
        ("CallSid", CALL),
        // It says nothing new of any call.
        ("CallStatus", "ringing"),
        ("From", from),
        ("To", to),
    ];
    Hook {
        account_sid: account.sid.clone(),
        url: url.to_owned(),
        fields: fields
            .map(|(name, value)| (name, value.to_owned()))
            .to_vec(),
    }
}

/// https is curl's: lines to paste, which hold signatures and no secret. What they print says what it means.
fn by_hand(url: &str, account: &Account, to: &str, from: &str) -> Result<(), String> {
    let hook = form(account, url, to, from);
    let body = hook.body();
    for (token, meaning) in [(WRONG, WRONG_MEANS), (account.token.as_str(), RIGHT_MEANS)] {
        let signature = hook.signature(&Secret::new(token));
        say(&format!(
            "curl -sS -o /dev/null -w '%{{http_code}}: {meaning}\\n' \
             -H 'x-twilio-signature: {signature}' -d '{body}' '{url}'"
        ))?;
    }
    Ok(())
}

fn judge(answer: &Answer) -> Result<(), String> {
    match answer.status {
        200 => say("200: the signature is right"),
        403 => Err(
            "403: PUBLIC_URL is not the URL that was signed, or account or token differ".to_owned(),
        ),
        status => Err(format!("{status}: {}", answer.body)),
    }
}

async fn self_test() -> Result<(), String> {
    let installation = Installation::start().await?;
    let tried = try_here(&installation).await;
    let tried = tried.map_err(|fault| installation.explained(&fault));
    installation.stop().await;
    tried
}

async fn try_here(installation: &Installation) -> Result<(), String> {
    story::open(installation).await?;
    let carrier = &installation.carrier;
    let url = installation.hook("status");
    try_both(carrier, &carrier.account(), &url, story::NUMBER, FROM).await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("http://127.0.0.1:8080/v1/webhooks/twilio/status", true)]
    #[case("https://texts.example.com/tandem/v1/webhooks/twilio/status", true)]
    #[case("https://texts.example.com/v1/webhooks/twilio/status?a=1", true)]
    #[case("https://texts.example.com", false)]
    #[case("https://texts.example.com/v1/webhooks/twilio/voice", false)]
    #[case("https://texts.example.com/?/v1/webhooks/twilio/status", false)]
    #[case("texts.example.com/v1/webhooks/twilio/status", false)]
    fn nothing_is_sent_but_to_a_status_webhook(#[case] url: &str, #[case] is_one: bool) {
        assert_eq!(check_url(url).is_ok(), is_one);
    }

    #[rstest]
    #[case("AC0123456789abcdef0123456789abcdef", true)]
    #[case("AC1", true)]
    #[case("AC…", false)]
    #[case("", false)]
    #[case("AC1&From=x", false)]
    fn an_account_is_letters_and_digits(#[case] account: &str, #[case] is_one: bool) {
        assert_eq!(check_account(account).is_ok(), is_one);
    }

    #[test]
    fn what_a_shell_prints_ends_no_quote() {
        for text in [WRONG_MEANS, RIGHT_MEANS] {
            assert!(!text.contains(['\'', '%', '\\']), "{text}");
        }
    }
}
