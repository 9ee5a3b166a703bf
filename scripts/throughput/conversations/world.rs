//! A business with a number, its three daemons, and its carrier.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bin_common_handler::{
    models::{
        raw::RawRequest,
        sock::{Method::Post, Request},
        time::Timestamp,
    },
    redact::Secret,
    sockhandler::request_queue,
    webhooks::twilio::SIGNATURE,
};
use provider_stand_in::{Answer, Call, Hook, Hooks, Provider};
use serde_json::{Value as Json, json};

use crate::{
    Databases, Result, broker,
    child::Child,
    daemon,
    database::Database,
    line::Line,
    load::Job,
    stand::{CONNECTIONS, Stand},
};

/// The URL that is signed; nobody listens there.
const PUBLIC_URL: &str = "http://127.0.0.1:9";
const SECRETS_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const NUMBER: &str = "+14155550100";
const FORM: &str = "application/x-www-form-urlencoded";
/// How long daemons are left alone before their memory is looked at: they have just made their tables, and what that took
/// is given back within 25 s.
const SETTLE: Duration = Duration::from_secs(30);

/// Everything of the story.
pub(super) struct World {
    pub(super) carrier: Arc<Provider>,
    pub(super) dids: Child,
    pub(super) calls: Child,
    pub(super) chat: Child,
    to_calls: Line,
    to_chat: Line,
}

impl World {
    pub(super) async fn new(stand: &Stand, databases: &Databases) -> Result<Self> {
        let carrier = Arc::new(Provider::start().await?);
        let url = carrier.url();
        let start = async |name: &str, database: &Database| -> Result<Child> {
            broker::take_over(&stand.broker, &request_queue(name)).await?;
            database.create().await?;
            let more = [
                ("TWILIO_BASE_URL", url.clone()),
                ("PUBLIC_URL", PUBLIC_URL.to_owned()),
                ("ALLOW_PRIVATE_ENDPOINTS", "true".to_owned()),
                ("SECRETS_KEY", SECRETS_KEY.to_owned()),
                ("TEXTS_PER_SECOND", "1000".to_owned()),
                ("TEXTS_BURST", "1000".to_owned()),
            ];
            let log = format!("{name}-conversations");
            let (child, ..) =
                daemon::start_with(stand, name, &log, database, CONNECTIONS, &more).await?;
            Ok(child)
        };
        let [did, call, chat] = &databases.conversations;
        let world = Self {
            dids: start(bin_did_manager::NAME, did).await?,
            calls: start(bin_call_manager::NAME, call).await?,
            chat: start(bin_chat_manager::NAME, chat).await?,
            to_calls: stand.bus.to(&request_queue(bin_call_manager::NAME)),
            to_chat: stand.bus.to(&request_queue(bin_chat_manager::NAME)),
            carrier,
        };
        tokio::time::sleep(SETTLE).await;
        let to_dids = stand.bus.to(&request_queue(bin_did_manager::NAME));
        world.open_business(&to_dids).await?;
        Ok(world)
    }

    async fn open_business(&self, dids: &Line) -> Result<()> {
        let business = json!({"name": "Bench", "ai_takeover_delay_seconds": 3_600});
        let customer = made(dids, "/v1/customers", &business).await?;
        let account = self.carrier.account();
        let provider = json!({
            "customer_id": customer, "account_id": account.sid, "secret": account.token,
        });
        let provider = made(dids, "/v1/providers", &provider).await?;
        let number = json!({
            "customer_id": customer, "number": NUMBER, "forward_target": "+14155550199",
            "provider_id": provider,
            // Else numbers of +1 send no texts.
            "campaign_status": "approved",
        });
        made(dids, "/v1/phone_numbers", &number).await?;
        let at = |what: &str| format!("{PUBLIC_URL}/v1/webhooks/twilio/{what}");
        let hooks = Hooks {
            voice_url: at("voice"),
            status_callback: at("status"),
            sms_url: at("sms"),
        };
        self.carrier.own(NUMBER, &hooks);
        Ok(())
    }

    /// The daemons, by name.
    pub(super) fn children(&self) -> [(&'static str, &Child); 3] {
        [
            (bin_did_manager::NAME, &self.dids),
            (bin_call_manager::NAME, &self.calls),
            (bin_chat_manager::NAME, &self.chat),
        ]
    }

    /// Calls that come in, each another one.
    pub(super) fn voice_job(&self) -> Job {
        let carrier = Arc::clone(&self.carrier);
        Job::new(&self.to_calls, move |number| {
            hooked(
                carrier.voice_hook(&person(2_000_000 + number), NUMBER),
                &carrier,
            )
        })
    }

    /// Texts that come in, each of another person.
    pub(super) fn text_job(&self, series: usize) -> Job {
        let carrier = Arc::clone(&self.carrier);
        let first = 5_000_000 + u64::try_from(series).unwrap_or_default() * 20_000;
        Job::new(&self.to_chat, move |number| {
            let hook = carrier.text_hook(&person(first + number), NUMBER, "My sink is clogged");
            hooked(hook, &carrier)
        })
    }

    /// A call that will be missed.
    pub(super) fn miss(&self, number: u64) -> Miss {
        Miss {
            carrier: Arc::clone(&self.carrier),
            line: self.to_calls.clone(),
            person: person(3_000_000 + number),
            call: std::sync::Mutex::default(),
        }
    }

    /// How many of these people have a text.
    pub(super) fn texts_of(&self, people: &BTreeMap<String, Timestamp>) -> usize {
        let texts = self.carrier.messages().into_iter();
        texts.filter(|text| people.contains_key(&text.to)).count()
    }

    pub(super) async fn stop(self) {
        if let Some(carrier) = Arc::into_inner(self.carrier) {
            carrier.stop().await;
        }
    }
}

/// A call that nobody answers.
pub(super) struct Miss {
    carrier: Arc<Provider>,
    line: Line,
    person: String,
    call: std::sync::Mutex<Option<Call>>,
}

impl Miss {
    /// It comes in; who calls.
    pub(super) async fn ring(&self) -> Result<String> {
        let hook = self.carrier.voice_hook(&self.person, NUMBER)?;
        let sid = hook.fields.iter().find(|(name, _)| *name == "CallSid");
        let sid = sid.map(|(_, sid)| sid.clone()).unwrap_or_default();
        let told = self.send(&hook).await?;
        let twiml = told.get("twiml").and_then(Json::as_str);
        let call = Call {
            sid,
            from: self.person.clone(),
            to: NUMBER.to_owned(),
            answer: Answer {
                status: 200,
                body: twiml.unwrap_or_default().to_owned(),
            },
        };
        *self.call.lock().map_err(|_| "a call is lost")? = Some(call);
        Ok(self.person.clone())
    }

    /// It ends.
    pub(super) async fn give_up(&self) -> Result<()> {
        let call = self.call.lock().map_err(|_| "a call is lost")?.clone();
        let call = call.ok_or("a call that did not ring")?;
        let hook = self.carrier.dialled_hook(&call, "no-answer")?;
        self.send(&hook).await.map(drop)
    }

    async fn send(&self, hook: &Hook) -> Result<Json> {
        let reply = self.line.send(&request(hook, &self.carrier)).await?;
        if reply.status_code != 200 {
            return Err(format!("a webhook is answered with {}", reply.status_code).into());
        }
        Ok(serde_json::from_str(reply.body())?)
    }
}

/// Numbers of people, none twice.
fn person(number: u64) -> String {
    format!("+1212{number:07}")
}

fn hooked(hook: std::io::Result<Hook>, carrier: &Provider) -> Request {
    match hook {
        Ok(hook) => request(&hook, carrier),
        // Refused, which the report counts.
        Err(_) => Request::new(Post, "/", "bench"),
    }
}

/// A webhook as the bridge passes it on: with the exact URL, and the carrier's signature.
fn request(hook: &Hook, carrier: &Provider) -> Request {
    let path = hook.url.strip_prefix(PUBLIC_URL).unwrap_or(&hook.url);
    let signature = hook.signature(&Secret::new(carrier.account().token));
    let headers = BTreeMap::from([
        ("content-type".to_owned(), vec![FORM.to_owned()]),
        (SIGNATURE.to_owned(), vec![signature]),
    ]);
    let body = hook.body();
    let raw = RawRequest::new(Post, hook.url.clone(), headers, body.as_bytes());
    let request = Request::new(Post, path, "bench");
    request
        .json(&raw)
        .unwrap_or_else(|_| Request::new(Post, "/", "bench"))
}

/// Makes something; its id.
async fn made(line: &Line, uri: &str, body: &Json) -> Result<String> {
    let made = line.ask(Post, uri, body).await?;
    let id = made.get("id").and_then(Json::as_str);
    Ok(id.ok_or("the answer has no id")?.to_owned())
}
