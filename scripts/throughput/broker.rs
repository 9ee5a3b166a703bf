//! The broker: whether the daemon's queue is ours for the time of the measurement.

use lapin::{
    Channel, Connection, ConnectionProperties,
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
    // A queue that is not there makes an error, which closes the channel: as good as empty.
    if let Ok(consumers) = consumers(&channel, queue).await {
        if consumers > 0 {
            return Err(format!(
                "{queue} has {consumers} consumer(s): stop the daemon that runs on this broker"
            )
            .into());
        }
        channel
            .queue_purge(queue.into(), QueuePurgeOptions::default())
            .await?;
    }
    Ok(connection.close(200, "bye".into()).await?)
}

/// Fails when somebody else consumes `queue` beside the daemon: the figures would be of both.
pub(crate) async fn check_alone(address: &str, queue: &str) -> Result<()> {
    let connection = connect(address).await?;
    let channel = connection.create_channel().await?;
    let consumers = consumers(&channel, queue).await?;
    connection.close(200, "bye".into()).await?;
    if consumers > 1 {
        return Err(format!("{queue} has {consumers} consumers: another daemon started").into());
    }
    Ok(())
}

async fn consumers(channel: &Channel, queue: &str) -> Result<u32> {
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let found = channel
        .queue_declare(queue.into(), passive, FieldTable::default())
        .await?;
    Ok(found.consumer_count())
}
