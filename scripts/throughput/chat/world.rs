//! did-manager, chat-manager and a bridge, and a customer with a queue for each socket.

use std::sync::Arc;

use bin_common_handler::{
    models::sock::Method::Post, sockhandler::request_queue, testing::redis_address,
};
use serde_json::{Value as Json, json};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::{
    Databases, Result, broker,
    child::Child,
    daemon,
    database::Database,
    did::through::{KEY, Started, start_at},
    line::Line,
    stand::{CONNECTIONS, Stand},
};

const PROGRAM: &str = "http-bridge";
const SECRETS_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
/// Connections of the bridge: one address has three quarters of them.
const BRIDGE_CONNECTIONS: u32 = 16_000;
/// Queues that are made at a time.
const MAKING: usize = 32;

/// Everything that runs.
pub(super) struct World {
    pub(super) bridge: Child,
    /// Where the bridge listens.
    pub(super) at: String,
    /// What sockets show.
    pub(super) key: String,
    pub(super) broker: String,
    /// The program that talks.
    pub(super) tandem: std::path::PathBuf,
    customer: String,
    chat_line: Line,
    _managers: [Child; 2],
}

impl World {
    pub(super) async fn new(stand: &Stand, databases: &Databases) -> Result<Self> {
        let manager = async |name: &str, database: &Database| -> Result<Child> {
            broker::take_over(&stand.broker, &request_queue(name)).await?;
            database.create().await?;
            let more = [("SECRETS_KEY", SECRETS_KEY.to_owned())];
            let log = format!("{name}-chat");
            let started = daemon::start_with(stand, name, &log, database, CONNECTIONS, &more);
            Ok(started.await?.0)
        };
        let [did, chat] = &databases.chat;
        let managers = [
            manager(bin_did_manager::NAME, did).await?,
            manager(bin_chat_manager::NAME, chat).await?,
        ];
        let at = crate::child::free_address()?;
        let Started { child, .. } = start_at(stand, PROGRAM, &at, &settings(stand)).await?;
        let dids = stand.bus.to(&request_queue(bin_did_manager::NAME));
        let customer = json!({"name": "Bench"});
        let customer = text(&dids.ask(Post, "/v1/customers", &customer).await?, "id")?;
        let key = json!({
            "customer_id": customer, "name": "bench", "scopes": ["chat:read", "chat:write"],
        });
        let key = text(&dids.ask(Post, "/v1/accesskeys", &key).await?, "token")?;
        Ok(Self {
            bridge: child,
            at,
            key,
            broker: stand.broker.clone(),
            tandem: stand.program("tandem"),
            customer,
            chat_line: stand.bus.to(&request_queue(bin_chat_manager::NAME)),
            _managers: managers,
        })
    }

    /// The customer's id.
    pub(super) fn customer(&self) -> &str {
        &self.customer
    }

    /// The operator's key.
    pub(super) const fn operator() -> &'static str {
        KEY
    }

    /// So many queues; their ids.
    pub(super) async fn queues(&self, count: usize) -> Result<Vec<String>> {
        let places = Arc::new(Semaphore::new(MAKING));
        let mut making = JoinSet::new();
        for number in 0..count {
            let place = Arc::clone(&places).acquire_owned().await?;
            let line = self.chat_line.clone();
            let body = json!({"customer_id": self.customer, "name": format!("q{number}")});
            making.spawn(async move {
                let made = line.ask(Post, "/v1/queues", &body).await?;
                drop(place);
                text(&made, "id")
            });
        }
        let mut ids = Vec::with_capacity(count);
        while let Some(made) = making.join_next().await {
            ids.push(made??);
        }
        Ok(ids)
    }

    /// Kills the bridge and starts it again at the same place.
    pub(super) async fn restart(&mut self, stand: &Stand) -> Result<()> {
        self.bridge.kill();
        let started = start_at(stand, PROGRAM, &self.at, &settings(stand)).await?;
        self.bridge = started.child;
        Ok(())
    }
}

fn settings(stand: &Stand) -> [(&'static str, String); 4] {
    [
        ("RABBITMQ_ADDRESS", stand.broker.clone()),
        ("REDIS_ADDRESS", redis_address()),
        ("RATE_LIMIT_PER_SECOND", "0".to_owned()),
        ("BRIDGE_CONNECTIONS", BRIDGE_CONNECTIONS.to_string()),
    ]
}

fn text(value: &Json, field: &str) -> Result<String> {
    let found = value.get(field).and_then(Json::as_str);
    Ok(found.ok_or("an answer lacks a field")?.to_owned())
}
