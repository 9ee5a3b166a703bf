//! A carrier's webhook about a call: whose it is, whether it is the carrier's, its one effect, and the answer in XML.

use std::sync::Arc;

use bin_common_handler::{
    context::{Operation, RequestContext},
    listenhandler::Raw,
    models::{
        check::wrong,
        error::{Error, Result, Status},
    },
    webhooks::{lines::Line, twiml},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Ring, dialled, ended, rang};
use crate::{
    app::App,
    models::inboundcall::{Dialled, InboundStatus},
};

/// Longest id of a carrier's call, in bytes: its column.
const SID_MAX: usize = 64;

/// What the webhook is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call comes in.
    Voice,
    /// Dialling ended: the action of the verb Dial.
    Dialled,
    /// The number's own status callback.
    Status,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Dialled => "dialed",
            Self::Status => "status",
        }
    }
}

/// The fields of the carrier's form that are read.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct CallForm {
    /// The carrier's id of the call.
    call_sid: String,
    /// The carrier's id of the account.
    account_sid: String,
    /// Who calls.
    from: String,
    /// The number that is called.
    to: String,
    /// Where the call stands; `completed` whatever came of dialling.
    call_status: String,
    /// How dialling went.
    dial_call_status: String,
    /// How long was talked, in seconds.
    dial_call_duration: String,
    /// Who answered, where machines are listened for.
    answered_by: String,
}

impl CallForm {
    /// What the inbox knows it by.
    fn operation(&self, line: &Line, kind: Kind) -> Operation {
        let parts = [
            "twilio",
            kind.as_str(),
            &self.call_sid,
            &self.call_status,
            &self.dial_call_status,
        ];
        let mut parts: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        parts.push(line.provider_id.as_bytes());
        Operation::once(line.customer_id, &parts)
    }

    fn check(&self) -> Result<()> {
        let holds = (1..=SID_MAX).contains(&self.call_sid.len())
            && self
                .call_sid
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric());
        if holds {
            Ok(())
        } else {
            Err(wrong("CallSid", "has 1 to 64 letters and digits"))
        }
    }

    /// How long was talked, in seconds; 0 where that is no number.
    fn duration_seconds(&self) -> i32 {
        let seconds: i32 = self.dial_call_duration.parse().unwrap_or_default();
        seconds.max(0)
    }

    fn has_ended(&self) -> bool {
        matches!(
            &*self.call_status,
            "completed" | "busy" | "failed" | "no-answer" | "canceled"
        )
    }
}

/// The answer, which the bridge sends as XML.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Twiml {
    twiml: String,
}

impl Twiml {
    fn of(verbs: &str) -> Self {
        let twiml = if verbs.is_empty() {
            twiml::EMPTY.to_owned()
        } else {
            twiml::response(verbs)
        };
        Self { twiml }
    }
}

/// Takes a webhook in: nothing is written before its signature is known to be right.
pub(crate) async fn receive(
    app: &App,
    ctx: &RequestContext,
    kind: Kind,
    form: &CallForm,
    raw: &Raw,
) -> Result<Twiml> {
    let told = prove_and_work(app, ctx, kind, form, raw).await;
    let result = match &told {
        Ok((_, result)) => result,
        Err(error) if error.replayed().is_some() => "repeated",
        Err(error) if error.status() == Status::PermissionDenied => {
            app.watch.wrong();
            "bad_signature"
        }
        Err(error) if error.is_fault() => "failed",
        Err(_) => "refused",
    };
    app.watch.count(kind.as_str(), result);
    told.map(|(twiml, _)| twiml)
}

async fn prove_and_work(
    app: &App,
    ctx: &RequestContext,
    kind: Kind,
    form: &CallForm,
    raw: &Raw,
) -> Result<(Twiml, &'static str)> {
    let proven = app
        .lines
        .prove(ctx, &form.to, &form.account_sid, raw)
        .await?;
    let Some(line) = proven else {
        app.watch.unknown(&form.to);
        let twiml = match kind {
            Kind::Voice => twiml::REJECT,
            Kind::Dialled | Kind::Status => twiml::EMPTY,
        };
        let twiml = twiml.to_owned();
        return Ok((Twiml { twiml }, "unknown_number"));
    };
    form.check()?;
    let operation = form.operation(&line, kind);
    if let Some(reply) = app.store.inbox.find(&operation).await? {
        return Err(Error::replay(reply));
    }
    let own = RequestContext {
        operation: Some(operation),
        ..ctx.clone()
    };
    Ok((work(app, &own, kind, form, &line, raw.url()).await?, "done"))
}

async fn work(
    app: &App,
    ctx: &RequestContext,
    kind: Kind,
    form: &CallForm,
    line: &Line,
    url: &str,
) -> Result<Twiml> {
    let from: String = form.from.chars().take(SID_MAX).collect();
    let ring = Ring {
        line,
        call_sid: &form.call_sid,
        from: &from,
    };
    // Asked before the transaction; words that ship and promise nothing where nobody answers at once.
    let is_goodbye = kind == Kind::Dialled || line.forward_target.is_empty();
    let words = if is_goodbye {
        app.goodbyes.words(ctx, line, &from).await
    } else {
        Arc::default()
    };
    let mut tx = app.store.begin(ctx).await?;
    let twiml = match kind {
        Kind::Voice => {
            let call = rang(&mut tx, &ring).await?;
            let action = action(url, call.id);
            put_through(line, &action, &words)
        }
        Kind::Dialled => {
            let told = Dialled {
                status: &form.dial_call_status,
                duration_seconds: form.duration_seconds(),
                answered_by: &form.answered_by,
            };
            let call = dialled(&mut tx, &ring, &told, app.short_seconds).await?;
            let is_missed = call.status == InboundStatus::Missed;
            Twiml::of(&if is_missed {
                twiml::say(&words)
            } else {
                String::new()
            })
        }
        Kind::Status => {
            if form.has_ended() {
                ended(&mut tx, &ring).await?;
            }
            Twiml::of("")
        }
    };
    tx.commit(twiml).await
}

/// Rings the business's own telephone. The caller hears it ring until somebody answers there.
fn put_through(line: &Line, action: &str, words: &str) -> Twiml {
    if line.forward_target.is_empty() {
        return Twiml::of(&twiml::say(words));
    }
    Twiml::of(&format!(
        "<Dial timeout=\"{}\" action=\"{}\" method=\"POST\" answerOnBridge=\"true\"><Number>{}</Number></Dial>",
        line.dial_timeout_seconds,
        twiml::escaped(action),
        twiml::escaped(&line.forward_target),
    ))
}

/// Beside the URL that the carrier was given for this webhook, so that it reaches us by the same way.
fn action(url: &str, call_id: Uuid) -> String {
    let path = url.split('?').next().unwrap_or_default();
    let folder = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
    format!("{folder}/dialed?call_id={call_id}")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://h/v1/webhooks/twilio/voice", "https://h/v1/webhooks/twilio")]
    #[case(
        "https://h/api/v1/webhooks/twilio/voice?a=/b",
        "https://h/api/v1/webhooks/twilio"
    )]
    fn the_action_stands_beside_the_webhook(#[case] url: &str, #[case] folder: &str) {
        let id = Uuid::from_u128(1);
        let expected = format!("{folder}/dialed?call_id={id}");
        assert_eq!(action(url, id), expected);
    }

    #[rstest]
    #[case("61", 61)]
    #[case("0", 0)]
    #[case("", 0)]
    #[case("1e3", 0)]
    #[case("-5", 0)]
    #[case("-2147483648", 0)]
    #[case("99999999999", 0)]
    fn talk_never_lasts_less_than_nothing(#[case] told: &str, #[case] seconds: i32) {
        let form = CallForm {
            dial_call_duration: told.to_owned(),
            ..CallForm::default()
        };
        assert_eq!(form.duration_seconds(), seconds);
    }

    #[rstest]
    #[case("", false)]
    #[case("CA0", true)]
    #[case("CA 0", false)]
    #[case("CA\u{0}", false)]
    fn an_id_is_letters_and_digits(#[case] call_sid: &str, #[case] holds: bool) {
        let form = CallForm {
            call_sid: call_sid.to_owned(),
            ..CallForm::default()
        };
        assert_eq!(form.check().is_ok(), holds);
        let long = CallForm {
            call_sid: "1".repeat(SID_MAX + 1),
            ..CallForm::default()
        };
        assert!(long.check().is_err());
    }
}
