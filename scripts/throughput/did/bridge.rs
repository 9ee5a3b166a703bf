//! Through the bridge: http-bridge beside the daemon on the services.

use std::time::Duration;

use bin_common_handler::testing::redis_address;

use super::{
    Setup, bulk,
    next::Ceiling,
    through::{Bridge, Started, start},
};
use crate::{Result, http::Connections, load::FULL, report::Row};

const PROGRAM: &str = "http-bridge";

/// Every case.
pub(super) async fn all(setup: &mut Setup<'_>, ceiling: Ceiling) -> Result<()> {
    let stand = setup.stand;
    let settings = [
        ("RABBITMQ_ADDRESS", stand.broker.clone()),
        ("REDIS_ADDRESS", redis_address()),
    ];
    let Started { child, address, .. } = start(stand, PROGRAM, &settings).await?;
    let bridge = Bridge {
        name: "http-bridge",
        children: vec![&setup.daemon.child, &child],
        address,
    };
    let Ceiling { customer_id, rate } = ceiling;
    let time = stand.pick(Duration::from_secs(10), Duration::from_secs(3));
    let job = bridge.next(customer_id, Connections::Kept).await?;
    let sample = bridge.closed(&job, FULL, stand.turn()).await?;
    let row = Row::new("next, http-bridge, connections kept", FULL, sample);
    setup.section.add(row);
    bridge
        .at_rate(setup.section, customer_id, rate / 2.0, time)
        .await?;
    let rows = bulk::upload(stand, &bridge, setup.section).await?;
    setup.events_confirmed().await?;
    bulk::download(&bridge, setup.section, rows).await
}
