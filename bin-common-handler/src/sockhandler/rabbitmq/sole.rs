//! A request queue that no foreign service may share.
//!
//! Another service may have the same name and thus the same queue: each would get some of the other's requests. Who
//! declares that it can be renamed looks before it consumes. Each of our replicas consumes a marker beside the queue,
//! on the connection that consumes the queue, and before it: so a queue that has consumers while its marker has none is
//! somebody else's. The marker goes with its last consumer.

use lapin::{
    Channel, Connection, Consumer,
    options::{BasicConsumeOptions, QueueDeclareOptions},
};

use super::{
    connection::{Fault, limit},
    no_arguments,
};

/// Makes sure that nobody else consumes `queue`, and says that we do, for as long as the answer is held.
///
/// # Errors
/// [`Fault::Foreign`] naming `setting` when a foreign consumer is there.
pub(super) async fn claim(
    connection: &Connection,
    channel: &Channel,
    queue: &str,
    setting: &'static str,
) -> Result<Consumer, Fault> {
    let marker = format!("{queue}.replicas");
    let options = QueueDeclareOptions {
        auto_delete: true,
        ..QueueDeclareOptions::default()
    };
    let ours =
        limit(channel.queue_declare(marker.as_str().into(), options, no_arguments())).await?;
    if ours.consumer_count() == 0 && consumers(connection, queue).await? > 0 {
        return Err(Fault::Foreign(format!(
            "another service consumes {queue}; give this one another name with {setting}"
        )));
    }
    limit(channel.basic_consume(
        marker.as_str().into(),
        "replica".into(),
        BasicConsumeOptions::default(),
        no_arguments(),
    ))
    .await
}

/// Who consumes a queue; nobody where there is none.
async fn consumers(connection: &Connection, queue: &str) -> Result<u32, Fault> {
    // A channel of its own: the broker closes it where there is no such queue.
    let scratch = limit(connection.create_channel()).await?;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let Ok(found) = limit(scratch.queue_declare(queue.into(), passive, no_arguments())).await
    else {
        return Ok(0);
    };
    let _ = limit(scratch.close(200, "bye".into())).await;
    Ok(found.consumer_count())
}
