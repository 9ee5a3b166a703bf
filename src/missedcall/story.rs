//! The story: a plumber misses a call, an assistant answers, the owner takes over, and STOP ends it.

use std::time::{Duration, Instant};

use bin_common_handler::models::sock::Method::{Get, Post};
use provider_stand_in::{Answer, Hooks};
use serde_json::{Value, json};

use super::{installation::Installation, transcript::Transcript};
use crate::client::{fetch, get};

/// The business's number, of the range that is kept for stories.
pub const NUMBER: &str = "+14155550100";
/// Where its calls ring.
const DESK: &str = "+14155550199";
/// Who calls.
const CALLER: &str = "+14155550123";
const BUSINESS: &str = "Mission Plumbing";
const ANN: &str = "Ann";
/// The first text must leave so soon after the call's end: the promise of the whole.
const FIRST_TEXT_MAX: Duration = Duration::from_secs(5);
/// An assistant that answers somebody else's conversation would do so within this.
const SILENCE: Duration = Duration::from_secs(5);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// What is played, and how far it has come.
pub struct Story<'i> {
    installation: &'i Installation,
    transcript: Transcript,
    within: Duration,
    /// Texts that the caller has got.
    texts: usize,
}

impl<'i> Story<'i> {
    /// Makes the business: its number, what it offers, and who does it.
    ///
    /// # Errors
    /// Which of it is refused, and why.
    pub async fn begin(
        installation: &'i Installation,
        transcript: Transcript,
        within: Duration,
    ) -> Result<Self, String> {
        let mut story = Self {
            installation,
            transcript,
            within,
            texts: 0,
        };
        let customer = open(installation).await?;
        let work = json!({
            "customer_id": customer, "name": "Drain cleaning", "aliases": ["clogged sink", "clogged drain"],
            "duration_minutes": 60, "price_cents": 12_900, "currency": "USD", "active": true,
        });
        make(installation, "/v1/catalog_items", work).await?;
        let van = json!({"customer_id": customer, "name": "Van 1"});
        make(installation, "/v1/resources", van).await?;
        story.transcript.restart();
        Ok(story)
    }

    /// Plays it.
    ///
    /// # Errors
    /// Which step did not come, and within which time.
    pub async fn play(&mut self) -> Result<(), String> {
        self.miss().await?;
        self.say("Hi, my kitchen sink is clogged").await?;
        self.hear("the assistant asks for the address", "address")
            .await?;
        self.say("12 Main Street, 94107").await?;
        self.hear("the assistant offers times", "We could come")
            .await?;
        self.say("The second one works").await?;
        self.hear("the assistant confirms a time", "you are booked")
            .await?;
        self.booking().await?;
        let conversation = self.takeover().await?;
        self.stop(&conversation).await
    }

    /// It rings, nobody answers, and a text leaves.
    async fn miss(&mut self) -> Result<(), String> {
        let carrier = &self.installation.carrier;
        self.note(&format!("{ANN} calls {BUSINESS}"))?;
        let call = carrier.call(CALLER, NUMBER).await.map_err(told)?;
        taken(&call.answer, "the voice webhook")?;
        let target = call
            .dialled()
            .ok_or("the voice webhook does not put the call through")?;
        self.note(&format!("it rings at {target}, and nobody answers"))?;
        let answer = carrier.end(&call, "no-answer").await.map_err(told)?;
        taken(&answer, "the webhook of the dial")?;
        let ended = Instant::now();
        self.hear("the first text", BUSINESS).await?;
        let took = ended.elapsed();
        if took > FIRST_TEXT_MAX {
            let (took, most) = (took.as_secs_f64(), FIRST_TEXT_MAX.as_secs());
            return Err(format!(
                "the first text came after {took:.1} s, and must come within {most} s"
            ));
        }
        Ok(())
    }

    /// What was chosen stands in the calendar.
    async fn booking(&mut self) -> Result<(), String> {
        let rows = self.rows("/v1/appointments").await?;
        let [appointment] = rows.as_slice() else {
            return Err(format!("there are {} appointments, not one", rows.len()));
        };
        let line = format!(
            "an appointment: {}, {}, {}",
            text(appointment, "title"),
            text(appointment, "tm_start"),
            text(appointment, "address"),
        );
        self.note(&line)
    }

    /// The owner takes over, and the assistant falls silent. The conversation's id.
    async fn takeover(&mut self) -> Result<String, String> {
        let rows = self.rows("/v1/conversations").await?;
        let [conversation] = rows.as_slice() else {
            return Err(format!("there are {} conversations, not one", rows.len()));
        };
        let id = text(conversation, "id");
        let uri = format!("/v1/conversations/{id}");
        self.post(&format!("{uri}/takeover"), json!({})).await?;
        self.note("the owner takes the conversation over")?;
        let words = "Hi Ann, Maria here, the owner. I will come myself.";
        let message = json!({"client_message_id": "demo-1", "body": words});
        self.post(&format!("{uri}/messages"), message).await?;
        self.hear("the owner's text", "Maria").await?;
        self.say("Great, thank you!").await?;
        self.silence("the assistant answered the owner's conversation")
            .await?;
        self.note("the assistant stays silent")?;
        Ok(id)
    }

    /// STOP stops everything.
    async fn stop(&mut self, conversation: &str) -> Result<(), String> {
        self.say("STOP").await?;
        let uri = format!("/v1/conversations/{conversation}");
        self.until("the conversation is blocked", async |story| {
            let conversation: Value = get(&story.installation.client, &uri).await?;
            Ok((text(&conversation, "status") == "blocked").then_some(()))
        })
        .await?;
        let message = json!({"client_message_id": "demo-2", "body": "One more thing"});
        match self.post(&format!("{uri}/messages"), message).await {
            Err(refusal) if refusal.contains("OPTED_OUT") => {}
            Err(refusal) => {
                return Err(format!("a text after STOP is refused otherwise: {refusal}"));
            }
            Ok(_) => return Err("a text after STOP is not refused".to_owned()),
        }
        self.silence("a text left after STOP").await?;
        self.note("nobody can write to her any more: 403 OPTED_OUT")?;
        match self.installation.carrier.repeated_causes().as_slice() {
            [] => self.note(&format!("{} texts, each sent once", self.texts)),
            some => Err(format!("{} texts were sent twice", some.len())),
        }
    }

    /// Ann writes.
    async fn say(&mut self, words: &str) -> Result<(), String> {
        self.transcript.line(ANN, words)?;
        let carrier = &self.installation.carrier;
        let answer = carrier.text(CALLER, NUMBER, words).await.map_err(told)?;
        taken(&answer, "the webhook of a text")
    }

    /// Ann gets a text with these words.
    async fn hear(&mut self, what: &str, words: &str) -> Result<(), String> {
        let body = self
            .until(what, async |story| {
                let texts = story.installation.carrier.texts_to(CALLER);
                Ok(texts.get(story.texts).map(|text| text.body.clone()))
            })
            .await?;
        self.texts += 1;
        self.transcript.line(BUSINESS, &body)?;
        if body.contains(words) {
            Ok(())
        } else {
            Err(format!("{what}: the text has no \"{words}\""))
        }
    }

    /// Ann gets nothing for a while.
    async fn silence(&self, otherwise: &str) -> Result<(), String> {
        tokio::time::sleep(SILENCE).await;
        let texts = self.installation.carrier.texts_to(CALLER);
        match texts.get(self.texts) {
            None => Ok(()),
            Some(text) => Err(format!("{otherwise}: {}", text.body)),
        }
    }

    fn note(&self, text: &str) -> Result<(), String> {
        self.transcript.line("*", text)
    }

    async fn until<T>(
        &self,
        what: &str,
        look: impl AsyncFn(&Self) -> Result<Option<T>, String>,
    ) -> Result<T, String> {
        let began = Instant::now();
        loop {
            if let Some(found) = look(self).await? {
                return Ok(found);
            }
            if began.elapsed() > self.within {
                let seconds = self.within.as_secs_f64();
                return Err(format!("{what}: it did not come within {seconds} s"));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn post(&self, uri: &str, body: Value) -> Result<Value, String> {
        fetch(&self.installation.client, Post, uri, Some(&body)).await
    }

    async fn rows(&self, uri: &str) -> Result<Vec<Value>, String> {
        let rows = fetch(&self.installation.client, Get, uri, None::<&()>).await?;
        Ok(rows.as_array().cloned().unwrap_or_default())
    }
}

/// Makes a business with a number at the carrier; its id.
///
/// # Errors
/// Which of it is refused, and why.
pub async fn open(installation: &Installation) -> Result<String, String> {
    let business = json!({
        "name": BUSINESS, "trade": "plumbing", "timezone": "America/Los_Angeles", "hours": "08:00-18:00",
        "ai_takeover_delay_seconds": 0,
    });
    let customer = make(installation, "/v1/customers", business).await?;
    let account = installation.carrier.account();
    let provider = json!({
        "customer_id": customer, "type": "twilio", "account_id": account.sid, "secret": account.token,
    });
    let provider = make(installation, "/v1/providers", provider).await?;
    let number = json!({
        "customer_id": customer, "number": NUMBER, "forward_target": DESK, "provider_id": provider,
        "campaign_status": "approved",
    });
    make(installation, "/v1/phone_numbers", number).await?;
    let hooks = Hooks {
        voice_url: installation.hook("voice"),
        status_callback: installation.hook("status"),
        sms_url: installation.hook("sms"),
    };
    installation.carrier.own(NUMBER, &hooks);
    Ok(customer)
}

/// Makes something; its id.
async fn make(installation: &Installation, uri: &str, body: Value) -> Result<String, String> {
    let made = fetch(&installation.client, Post, uri, Some(&body)).await;
    made.map(|made| text(&made, "id"))
        .map_err(|refusal| format!("{uri}: {refusal}"))
}

fn told(fault: std::io::Error) -> String {
    format!("the carrier cannot reach Tandem: {fault}")
}

fn taken(answer: &Answer, what: &str) -> Result<(), String> {
    match answer.status {
        200 => Ok(()),
        status => Err(format!("{what} is answered with {status}")),
    }
}

fn text(value: &Value, field: &str) -> String {
    let text = value.get(field).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}
