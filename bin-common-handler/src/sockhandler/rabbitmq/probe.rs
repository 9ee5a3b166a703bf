//! Whether a queue is there, and whether the broker still lets us do what we do.

use std::time::Duration;

use async_trait::async_trait;
use lapin::{
    BasicProperties, Channel, ExchangeKind,
    options::{
        BasicPublishOptions, ConfirmSelectOptions, ExchangeDeclareOptions, QueueDeclareOptions,
    },
};

use super::{
    Inner, address,
    connection::{Fault, WRITE_MAX, limit, limit_to},
    no_arguments,
};
use crate::sockhandler::{EVENT_EXCHANGE, Probe};

/// How often it is asked whether we have our rights.
const RIGHTS_PERIOD: Duration = Duration::from_secs(3);
/// No queue has this name.
const NOWHERE: &str = "bin-manager.nowhere";

#[async_trait]
impl Probe for Inner {
    async fn is_gone(&self, reply_to: &str) -> bool {
        if reply_to.is_empty() {
            return false;
        }
        let Ok(scratch) = self.talk.scratch().await else {
            return false;
        };
        is_missing(&scratch, reply_to).await
    }
}

/// Whether there is no such queue; closes the channel.
pub(super) async fn is_missing(scratch: &Channel, queue: &str) -> bool {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = limit(scratch.queue_declare(queue.into(), options, no_arguments())).await;
    if declared.is_ok() {
        let _ = limit(scratch.close(200, "bye".into())).await;
    }
    // An exclusive queue of another connection answers "locked": it is there.
    matches!(&declared, Err(fault) if fault.to_string().contains("NOT_FOUND")
        || fault.to_string().contains("NOT-FOUND"))
}

/// Ends when the broker takes our rights away: a consumer that is there keeps its messages, but could not answer them.
pub(super) async fn watch_rights(inner: &Inner) -> Fault {
    loop {
        tokio::time::sleep(RIGHTS_PERIOD).await;
        if let Err(fault) = check_rights(inner).await {
            return fault;
        }
    }
}

/// Declares what is there, and publishes to nowhere: on a channel of its own, as the broker remembers what it allowed a
/// channel. Not on a connection that consumes, as an alarm would stop it.
///
/// # Errors
/// When the broker refuses; another fault is told by whoever meets it.
pub(super) async fn check_rights(inner: &Inner) -> Result<(), Fault> {
    let asked = async {
        // An alarm tells nothing of rights, and what is asked now would wait until its end.
        let Some(scratch) = inner.talk.scratch_unless_blocked().await? else {
            return Ok(());
        };
        limit(scratch.confirm_select(ConfirmSelectOptions::default())).await?;
        let durable = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        limit(scratch.exchange_declare(
            EVENT_EXCHANGE.into(),
            ExchangeKind::Topic,
            durable,
            no_arguments(),
        ))
        .await?;
        let options = BasicPublishOptions::default();
        let published = scratch.basic_publish(
            "".into(),
            NOWHERE.into(),
            options,
            b"",
            BasicProperties::default(),
        );
        let confirm = limit_to(WRITE_MAX, published).await?;
        limit_to(WRITE_MAX, confirm).await?;
        limit(scratch.close(200, "bye".into())).await
    };
    match asked.await {
        Err(Fault::Refused(advice)) => Err(Fault::Refused(advice)),
        Err(Fault::Amqp(error)) => address::parse(inner.address.expose())
            .ok()
            .and_then(|uri| address::advice(&error.to_string(), &uri))
            .map_or(Ok(()), |advice| Err(Fault::Refused(advice))),
        _ => Ok(()),
    }
}
