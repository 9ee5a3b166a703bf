//! The broker: whether the daemon's queue is ours for the time of the measurement.

use lapin::{
    Connection, ConnectionProperties,
    options::{QueueDeclareOptions, QueuePurgeOptions},
    types::FieldTable,
};

use crate::Result;

/// Opens a connection.
pub(crate) async fn connect(address: &str) -> Result<Connection> {
    let properties = ConnectionProperties::default().with_connection_name("tandem bench".into());
    Ok(Connection::connect(address, properties).await?)
}

/// Empties `queue`, which nobody else may consume: half of the requests would go elsewhere.
pub(crate) async fn take_over(address: &str, queue: &str) -> Result<()> {
    let connection = connect(address).await?;
    let channel = connection.create_channel().await?;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let found = channel
        .queue_declare(queue.into(), passive, FieldTable::default())
        .await;
    // A queue that is not there makes an error, which closes the channel: as good as empty.
    if let Ok(found) = found {
        if found.consumer_count() > 0 {
            return Err(format!(
                "{queue} has {} consumer(s): stop the daemon that runs on this broker",
                found.consumer_count()
            )
            .into());
        }
        channel
            .queue_purge(queue.into(), QueuePurgeOptions::default())
            .await?;
    }
    connection.close(200, "bye".into()).await?;
    Ok(())
}
