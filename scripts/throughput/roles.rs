//! The references: minimal consumers written directly on the client library, without a router.

use std::{
    io::{BufRead, Read},
    sync::Arc,
};

use bin_common_handler::{
    cachehandler::Cache,
    clock::Clock,
    context::{Operation, RequestContext},
    databasehandler::{Db, Entity, Store, Value},
    ids,
    models::sock::Response,
    notifyhandler::Waker,
    sockhandler::CONCURRENCY,
};
use bin_outdial_manager::{
    NAME,
    models::outdialtarget::{CREATED, OutdialTarget, TargetCreate},
};
use futures_util::{StreamExt, TryStreamExt};
use lapin::{
    BasicProperties, Channel, Consumer,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
        QueueDeclareOptions,
    },
    types::FieldTable,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{Fault, Result, Role, broker};

/// What a reference is told over its standard input, on one line.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) broker: String,
    pub(crate) queue: String,
    pub(crate) dsn: String,
    pub(crate) connections: usize,
}

/// Serves until the parent's end of standard input closes.
pub(crate) fn run(role: Role) -> Result<()> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let task: Task = serde_json::from_str(&line)?;
    std::thread::spawn(|| {
        let _ = std::io::stdin().lock().read(&mut [0; 1]);
        std::process::exit(0);
    });
    // The same runtime as the daemon's.
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(role, task))
}

async fn serve(role: Role, task: Task) -> Result<()> {
    let connection = broker::connect(&task.broker).await?;
    let channel = connection.create_channel().await?;
    channel
        .basic_qos(u16::try_from(CONCURRENCY)?, BasicQosOptions::default())
        .await?;
    let options = QueueDeclareOptions {
        durable: true,
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    channel
        .queue_declare(task.queue.as_str().into(), options, FieldTable::default())
        .await?;
    let consumer = channel
        .basic_consume(
            task.queue.as_str().into(),
            "".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await?;
    match role {
        Role::Echo => echo(consumer, &channel).await,
        Role::Transaction => transact(consumer, &channel, &task).await,
    }
}

/// Receive, reply, acknowledge; nothing else. The reply is as large as that of a GET of an outdial. As many at
/// a time as the daemon has: one after the other would write each frame by itself, at half the rate.
async fn echo(consumer: Consumer, channel: &Channel) -> Result<()> {
    let body = serde_json::to_vec(&Response::ok(&json!({
        "id": Uuid::nil(), "customer_id": Uuid::nil(), "campaign_id": Uuid::nil(),
        "name": "bench", "detail": "", "data": "",
        "tm_create": "2026-01-01 00:00:00.000000", "tm_update": "2026-01-01 00:00:00.000000",
        "tm_delete": null,
    })))?;
    let body = body.as_slice();
    consumer
        .map_err(Fault::from)
        .try_for_each_concurrent(CONCURRENCY, |delivery| async move {
            answer(&delivery, channel, body).await
        })
        .await?;
    Err("the broker ended the echo's consumer".into())
}

async fn answer(delivery: &Delivery, channel: &Channel, body: &[u8]) -> Result<()> {
    let Some(reply_to) = delivery.properties.reply_to().clone() else {
        return Err("a request without reply_to".into());
    };
    let mut properties = BasicProperties::default().with_content_type("text/plain".into());
    if let Some(id) = delivery.properties.correlation_id().clone() {
        properties = properties.with_correlation_id(id);
    }
    let options = BasicPublishOptions::default();
    channel
        .basic_publish("".into(), reply_to, options, body, properties)
        .await?;
    delivery.acker.ack(BasicAckOptions::default()).await?;
    Ok(())
}

async fn transact(mut consumer: Consumer, channel: &Channel, task: &Task) -> Result<()> {
    let writer = Arc::new(Writer::new(task)?);
    let mut working = JoinSet::new();
    while let Some(delivery) = consumer.next().await {
        let (delivery, channel, writer) = (delivery?, channel.clone(), Arc::clone(&writer));
        working.spawn(async move {
            let reply = writer.create().await.unwrap_or_else(|fault| {
                Response::with(503, Response::ERROR_TYPE, &fault.to_string())
            });
            answer(&delivery, &channel, &serde_json::to_vec(&reply)?).await
        });
        while let Some(done) = working.try_join_next() {
            done??;
        }
    }
    Err("the broker ended the transaction echo's consumer".into())
}

/// Writes what a create writes.
struct Writer {
    store: Store,
    insert: String,
    template: OutdialTarget,
}

impl Writer {
    fn new(task: &Task) -> Result<Self> {
        let (clock, cache) = (Clock::default(), Cache::local());
        let db = Db::new(&task.dsn.parse()?, task.connections)?;
        let store = Store::new(
            db,
            clock,
            cache,
            Arc::new(Waker::default()),
            "outdial",
            NAME,
        );
        let body: TargetCreate = serde_json::from_value(super::outdial::target_body(0))?;
        let now = store.clock.now();
        let template = OutdialTarget::new(ids::next(), ids::next(), now, body, true)?;
        let columns = OutdialTarget::COLUMNS;
        let insert = format!(
            "INSERT INTO {} ({}, import_key) VALUES ({}, ?)",
            OutdialTarget::TABLE,
            columns.join(", "),
            vec!["?"; columns.len()].join(", ")
        );
        Ok(Self {
            store,
            insert,
            template,
        })
    }

    /// Target, event and operation in one transaction, as the daemon's create has it.
    async fn create(&self) -> Result<Response> {
        let now = self.store.clock.now();
        let target = OutdialTarget {
            id: ids::next(),
            tm_create: now,
            tm_update: now,
            ..self.template.clone()
        };
        let ctx = RequestContext {
            operation: Some(operation()),
            ..RequestContext::default()
        };
        let mut tx = self.store.begin(&ctx).await?;
        let mut values = target.values();
        values.push(Value::Null);
        tx.sql().execute(&self.insert, values).await?;
        tx.emit(CREATED, &target, Uuid::nil()).await?;
        Ok(Response::ok(&tx.commit(target).await?))
    }
}

/// A key that nobody used before, of the kind that a caller without one gets.
fn operation() -> Operation {
    let half = *ids::next().as_bytes();
    let mut key = [0; 32];
    for (place, byte) in key.iter_mut().zip(half.iter().rev().chain(&half)) {
        *place = *byte;
    }
    Operation {
        key,
        fingerprint: key,
        owner: [7; 32],
        key_from_caller: false,
        check_inbox_first: false,
        received: std::time::Instant::now(),
    }
}
