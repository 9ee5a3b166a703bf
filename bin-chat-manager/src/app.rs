//! What the routes and jobs share.

use std::{sync::Arc, time::Duration};

use bin_common_handler::{
    config::{Config, Setting, settings},
    daemon::{ManagerContext, StartError},
    databasehandler::Store,
    httphandler::HttpClient,
    keyfile,
    models::error::{Error, Result},
    redact::Secret,
    requesthandler::RpcClient,
    sealer::Sealer,
    webhooks::{lines::Lines, signatures::BadSignatures},
};
use tokio::sync::{OnceCell, mpsc};
use uuid::Uuid;

use crate::{
    buckethandler::Bucket,
    customerhandler::Businesses,
    dbhandler::keys,
    emailhandler::Mailer,
    embeddinghandler::Embedder,
    geocodehandler::Geocoder,
    modelserver::{ModelServer, ModelSettings},
    oauthhandler::Tokens,
    pace::Pace,
    queues::presence::Times,
    room::Rooms,
};

/// What the keys of this daemon begin with.
const KEY_PREFIX: &str = "chat_";
/// Jobs that wait; what has no room comes again by its timer.
const JOBS_MAX: usize = 1_024;

/// When people are reminded.
pub(crate) const REMIND_BEFORE: Setting<Duration> = Setting::duration(
    "APPOINTMENT_REMINDER",
    "24h",
    0..=30 * 86_400_000,
    "How long before an appointment the person is reminded; 0 = never",
    "24h",
);

/// When an endpoint that takes nothing is turned off.
pub(crate) const WEBHOOK_DISABLE_AFTER: Setting<Duration> = Setting::duration(
    "WEBHOOK_DISABLE_AFTER",
    "120h",
    60_000..=90 * 86_400_000,
    "How long nothing has arrived at a webhook endpoint before it is turned off",
    "120h",
);

/// How often calendars elsewhere are asked.
pub(crate) const CALENDAR_PERIOD: Setting<Duration> = Setting::duration(
    "CALENDAR_PERIOD",
    "5m",
    1_000..=86_400_000,
    "How often calendars elsewhere are asked for changes; our own changes are carried at once",
    "5m",
);

/// How many texts leave by one messaging service.
pub(crate) const TEXTS_PER_SECOND: Setting<u64> = Setting::number(
    "TEXTS_PER_SECOND",
    "20",
    1..=10_000,
    "Texts a second that leave by one messaging service or number, over all replicas",
    "20",
);
/// How many leave at once.
pub(crate) const TEXTS_BURST: Setting<u64> = Setting::number(
    "TEXTS_BURST",
    "40",
    1..=10_000,
    "Texts at once before that rate holds",
    "40",
);
/// The model's server.
pub(crate) const LLM: ModelSettings = ModelSettings::new(
    ["LLM_BASE_URL", "LLM_API_KEY", "LLM_MODEL"],
    "An OpenAI-compatible server whose model writes the assistant's texts; empty = rules write them",
    ("gpt-4o-mini", "The model of that server"),
);
/// How long its model may think.
pub(crate) const LLM_TIMEOUT: Setting<Duration> = Setting::duration(
    "LLM_TIMEOUT",
    "10s",
    100..=30_000,
    "How long the model may take; then rules write the text",
    "10s",
);

/// Work beside requests and timers. Each is set as a timer, too, so that none is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Job {
    /// An inbox row.
    Work(Uuid),
    /// A message.
    Send(Uuid),
    /// A turn.
    Run(Uuid),
    /// A picture.
    Fetch(Uuid),
    /// A calendar elsewhere.
    Calendar(Uuid),
}

/// What is set.
pub(crate) struct Settings {
    pub texts_per_second: u64,
    pub texts_burst: u64,
    pub public_url: String,
    pub llm: ModelServer,
    pub llm_timeout: Duration,
    pub webhook_disable_after: Duration,
}

/// The daemon's parts. Clones share them.
#[derive(Clone)]
pub(crate) struct App {
    pub store: Store,
    pub rooms: Rooms,
    pub presence: Times,
    pub pace: Arc<Pace>,
    pub rpc: RpcClient,
    pub http: HttpClient,
    pub sealer: Arc<Sealer>,
    pub settings: Arc<Settings>,
    pub jobs: mpsc::Sender<Job>,
    pub config: Config,
    pub lines: Lines,
    pub phone_key: Arc<OnceCell<Secret>>,
    pub session_key: Arc<OnceCell<Secret>>,
    pub link_key: Arc<OnceCell<Secret>>,
    pub figures: Figures,
    pub businesses: Businesses,
    pub geocoder: Geocoder,
    pub embedder: Embedder,
    pub remind_before: Duration,
    pub mailer: Mailer,
    pub push_key: Arc<OnceCell<Secret>>,
    pub calendar_period: Duration,
    pub tokens: Arc<Tokens>,
    pub bucket: Option<Arc<Bucket>>,
}

/// Figures of its own.
#[derive(Clone)]
pub(crate) struct Figures {
    /// Webhooks by what became of them.
    pub webhooks: prometheus::IntCounterVec,
    /// Webhooks that somebody else signed.
    pub signatures: BadSignatures,
    /// Texts by what became of the request.
    pub sends: prometheus::IntCounterVec,
    /// Turns by who wrote them.
    pub turns: prometheus::IntCounterVec,
}

impl App {
    /// The parts, and the jobs that they hand over.
    pub(crate) fn new(
        ctx: &ManagerContext,
    ) -> std::result::Result<(Self, mpsc::Receiver<Job>), StartError> {
        let (jobs, waiting) = mpsc::channel(JOBS_MAX);
        let config = &ctx.config;
        let settings = Settings {
            texts_per_second: config.get(&TEXTS_PER_SECOND),
            texts_burst: config.get(&TEXTS_BURST),
            public_url: config.get(&settings::PUBLIC_URL),
            llm: ModelServer::new(config, &LLM),
            llm_timeout: config.get(&LLM_TIMEOUT),
            webhook_disable_after: config.get(&WEBHOOK_DISABLE_AFTER),
        };
        let app = Self {
            store: ctx.store.clone(),
            rooms: Rooms::new(config),
            presence: Times::new(config),
            pace: Arc::default(),
            rpc: ctx.rpc.clone(),
            http: ctx.http()?,
            sealer: ctx.sealer()?,
            settings: Arc::new(settings),
            jobs,
            config: config.clone(),
            lines: Lines::new(ctx.rpc.clone()),
            phone_key: Arc::default(),
            session_key: Arc::default(),
            link_key: Arc::default(),
            figures: Figures::new(ctx)?,
            businesses: Businesses::new(ctx.rpc.clone()),
            geocoder: Geocoder::new(ctx.http()?, config),
            embedder: Embedder::new(ctx.http()?, config),
            remind_before: config.get(&REMIND_BEFORE),
            mailer: Mailer::new(config)?,
            push_key: Arc::default(),
            calendar_period: config.get(&CALENDAR_PERIOD),
            tokens: Arc::new(Tokens::new(config, ctx.store.clock.clone())),
            bucket: Bucket::new(config)?.map(Arc::new),
        };
        Ok((app, waiting))
    }

    /// A key that the first replica makes, sealed, and all of them share; asked for once.
    ///
    /// # Errors
    /// 503 where SECRETS_KEY is missing or the database is away.
    pub(crate) async fn shared_key(
        &self,
        known: &OnceCell<Secret>,
        name: &'static str,
    ) -> Result<Secret> {
        let key = known.get_or_try_init(|| self.read_key(name)).await?;
        Ok(key.clone())
    }

    async fn read_key(&self, name: &str) -> Result<Secret> {
        let (db, place) = (&self.store.db, format!("chat_keys/{name}"));
        if let Some(sealed) = keys::find(db, name).await? {
            return Ok(self.sealer.open(&sealed, &place)?);
        }
        let made = self.sealer.seal(&keyfile::generate(KEY_PREFIX), &place)?;
        keys::keep(db, name, &made).await?;
        let kept = keys::find(db, name).await?;
        let gone = || Error::unavailable("database", "a key that was kept is gone");
        Ok(self.sealer.open(&kept.ok_or_else(gone)?, &place)?)
    }

    /// Does something at once that a timer is set for, too; where there is no room, the timer does it.
    pub(crate) fn offer(&self, job: Job) {
        let _ = self.jobs.try_send(job);
    }
}

impl Figures {
    fn new(ctx: &ManagerContext) -> std::result::Result<Self, StartError> {
        let counter = |name, help, labels: &[&str]| {
            ctx.metrics
                .counter(name, help, labels)
                .map_err(|fault| StartError::Other(fault.to_string()))
        };
        Ok(Self {
            signatures: BadSignatures::new(ctx)?,
            webhooks: counter("webhooks_total", "Webhooks, by result", &["result"])?,
            sends: counter(
                "sends_total",
                "Requests to send a text, by result",
                &["result"],
            )?,
            turns: counter(
                "turns_total",
                "Turns of the assistant, by source",
                &["source"],
            )?,
        })
    }
}
