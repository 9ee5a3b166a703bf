//! What people do: they call, they give up, they write. Each becomes a signed webhook.

use std::io;

use bin_common_handler::{redact::Secret, webhooks::twilio::Signed};

use crate::{
    Provider,
    outgoing::{FORM, form, post, post_signed},
    state::sid,
};

/// An answer to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, TwiML where all went well.
    pub body: String,
}

/// A webhook that can be sent as often as a test wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// The account in whose name it is sent, and whose token signs it.
    pub account_sid: String,
    /// Where to.
    pub url: String,
    /// Its form.
    pub fields: Vec<(&'static str, String)>,
}

impl Hook {
    /// With another value of a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.fields.retain(|(known, _)| *known != name);
        self.fields.push((name, value.to_owned()));
        self
    }

    /// What proves it to whoever knows the token.
    pub fn signature(&self, token: &Secret) -> String {
        let body = self.body();
        let signed = Signed {
            url: &self.url,
            content_type: FORM,
            body: body.as_bytes(),
        };
        signed.by(token)
    }

    /// Its form as it travels.
    pub fn body(&self) -> String {
        form(&self.fields)
    }
}

/// A call that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `CA` and 32 hex digits.
    pub sid: String,
    /// Who calls.
    pub from: String,
    /// The number that is called.
    pub to: String,
    /// What the voice webhook was answered with.
    pub answer: Answer,
}

impl Call {
    /// Where the outcome of dialling is reported to: the attribute `action` of the verb Dial.
    pub fn action(&self) -> Option<String> {
        let (_, rest) = self.answer.body.split_once("<Dial")?;
        let (attributes, _) = rest.split_once('>')?;
        let (_, rest) = attributes.split_once("action=\"")?;
        let (value, _) = rest.split_once('"')?;
        Some(unescaped(value))
    }

    /// Whom the call is put through to.
    pub fn dialled(&self) -> Option<String> {
        let (_, rest) = self.answer.body.split_once("<Dial")?;
        let (_, rest) = rest.split_once('>')?;
        let (content, _) = rest.split_once("</Dial>")?;
        let number = content
            .rsplit_once("<Number>")
            .map_or(content, |(_, it)| it);
        let number = number.split('<').next().unwrap_or_default();
        Some(unescaped(number.trim()))
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&amp;", "&")
}

impl Provider {
    /// Sends a webhook, signed as it should be.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn send(&self, hook: &Hook) -> io::Result<Answer> {
        post_signed(&self.shared, &hook.account_sid, &hook.url, &hook.fields).await
    }

    /// Sends a webhook with a signature of one's own.
    ///
    /// # Errors
    /// When nobody answers.
    pub async fn forge(&self, hook: &Hook, signature: &str) -> io::Result<Answer> {
        post(&self.shared, &hook.url, hook.body(), signature).await
    }

    /// The voice webhook of a call from `from` to `to`, which must be a number of the account.
    ///
    /// # Errors
    /// When nobody owns the number, or it has no such URL.
    pub fn voice_hook(&self, from: &str, to: &str) -> io::Result<Hook> {
        let (account_sid, url) = self.hook_of(to, |number| number.hooks.voice_url.clone())?;
        let fields = call_fields(&account_sid, &sid("CA"), from, to, "ringing");
        Ok(Hook {
            account_sid,
            url,
            fields,
        })
    }

    /// Somebody calls: the voice webhook is sent.
    ///
    /// # Errors
    /// When nobody owns the number, or nobody answers.
    pub async fn call(&self, from: &str, to: &str) -> io::Result<Call> {
        let hook = self.voice_hook(from, to)?;
        let answer = self.send(&hook).await?;
        let sid = hook.fields.iter().find(|(name, _)| *name == "CallSid");
        Ok(Call {
            sid: sid.map(|(_, sid)| sid.clone()).unwrap_or_default(),
            from: from.to_owned(),
            to: to.to_owned(),
            answer,
        })
    }

    /// The webhook that says how dialling ended, e.g. `no-answer`; the call itself goes on.
    ///
    /// # Errors
    /// When the call was not put through.
    pub fn dialled_hook(&self, call: &Call, dial_status: &str) -> io::Result<Hook> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "the call was not put through");
        let url = call.action().ok_or_else(missing)?;
        let (account_sid, _) = self.hook_of(&call.to, |number| number.hooks.voice_url.clone())?;
        // A caller who gives up ends the call; otherwise it is still under way.
        let status = if dial_status == "canceled" {
            "completed"
        } else {
            "in-progress"
        };
        let mut fields = call_fields(&account_sid, &call.sid, &call.from, &call.to, status);
        fields.push(("DialCallStatus", dial_status.to_owned()));
        fields.push(("DialCallSid", sid("CA")));
        let duration = if dial_status == "completed" {
            "42"
        } else {
            "0"
        };
        fields.push(("DialCallDuration", duration.to_owned()));
        Ok(Hook {
            account_sid,
            url,
            fields,
        })
    }

    /// The number's own status callback: the call has ended, whatever came of dialling.
    ///
    /// # Errors
    /// When nobody owns the number, or it has no such URL.
    pub fn ended_hook(&self, call: &Call) -> io::Result<Hook> {
        let (account_sid, url) =
            self.hook_of(&call.to, |number| number.hooks.status_callback.clone())?;
        let mut fields = call_fields(&account_sid, &call.sid, &call.from, &call.to, "completed");
        fields.push(("CallDuration", "20".to_owned()));
        Ok(Hook {
            account_sid,
            url,
            fields,
        })
    }

    /// Dialling ends so, and then the call: both webhooks, in the carrier's order.
    ///
    /// # Errors
    /// When the call was not put through, or nobody answers.
    pub async fn end(&self, call: &Call, dial_status: &str) -> io::Result<Answer> {
        let answer = self.send(&self.dialled_hook(call, dial_status)?).await?;
        if let Ok(hook) = self.ended_hook(call) {
            self.send(&hook).await?;
        }
        Ok(answer)
    }

    /// The webhook of a text from `from` to `to`.
    ///
    /// # Errors
    /// When nobody owns the number, or it has no such URL.
    pub fn text_hook(&self, from: &str, to: &str, body: &str) -> io::Result<Hook> {
        let (account_sid, url) = self.hook_of(to, |number| number.hooks.sms_url.clone())?;
        let message = sid("SM");
        let fields = vec![
            ("AccountSid", account_sid.clone()),
            ("ApiVersion", "2010-04-01".to_owned()),
            ("MessageSid", message.clone()),
            ("SmsMessageSid", message.clone()),
            ("SmsSid", message),
            ("SmsStatus", "received".to_owned()),
            ("From", from.to_owned()),
            ("To", to.to_owned()),
            ("Body", body.to_owned()),
            ("NumMedia", "0".to_owned()),
            ("NumSegments", "1".to_owned()),
        ];
        Ok(Hook {
            account_sid,
            url,
            fields,
        })
    }

    /// Somebody writes.
    ///
    /// # Errors
    /// When nobody owns the number, or nobody answers.
    pub async fn text(&self, from: &str, to: &str, body: &str) -> io::Result<Answer> {
        self.send(&self.text_hook(from, to, body)?).await
    }

    fn hook_of(
        &self,
        number: &str,
        url: impl FnOnce(&crate::Number) -> String,
    ) -> io::Result<(String, String)> {
        let found = self.shared.read(|state| {
            let number = state.numbers.get(number)?;
            Some((number.account_sid.clone(), url(number)))
        });
        found
            .filter(|(_, url)| !url.is_empty())
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the number has no such URL"))
    }
}

fn call_fields(
    account_sid: &str,
    call_sid: &str,
    from: &str,
    to: &str,
    status: &str,
) -> Vec<(&'static str, String)> {
    [
        ("AccountSid", account_sid),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", call_sid),
        ("CallStatus", status),
        ("Direction", "inbound"),
        ("From", from),
        ("Caller", from),
        ("To", to),
        ("Called", to),
        ("FromCountry", "US"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}
