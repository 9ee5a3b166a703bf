//! The same message more than once, and messages without a key.

use std::collections::BTreeSet;

use bin_common_handler::{ids, testing::lab::Site};
use lapin::{BasicProperties, Channel, Connection, types::ShortString};

use super::messages::{create, next_reply, reply_queue};
use crate::{
    fault::{Fault, fault},
    round::Round,
    world::REPLICAS,
};

pub const FAULTS: &[Fault] = &[
    fault(
        "delivered-twice",
        "the same message to two replicas at once: one effect, one event, equal replies",
        |round| Box::pin(twice(round)),
    ),
    fault(
        "keyless-redelivered",
        "a change without a key, done and answered, comes again after a crash: answered, not done",
        |round| Box::pin(redelivered(round)),
    ),
];

/// Changes as a voipbin client sends them: no key, and a reply queue of its own for each.
pub struct Keyless {
    _connection: Connection,
    channel: Channel,
    prefix: String,
    replies: Vec<ShortString>,
}

impl Keyless {
    /// Publishes them.
    pub async fn publish(site: &Site, count: usize) -> Self {
        let (connection, channel) = site.channel().await;
        let prefix = format!("keyless-{}", ids::next().simple());
        let mut replies = Vec::with_capacity(count);
        for _ in 0..count {
            replies.push(reply_queue(&channel).await);
        }
        for (number, reply_to) in replies.iter().enumerate() {
            let properties = BasicProperties::default()
                .with_content_type("text/plain".into())
                .with_reply_to(reply_to.clone());
            let body = create(&format!("{prefix}-{number}"));
            site.publish(&channel, &body, properties).await;
        }
        Self {
            _connection: connection,
            channel,
            prefix,
            replies,
        }
    }

    /// Waits for every reply, and counts the rows.
    pub async fn are_each_done_once(&self, round: &mut Round<'_>) {
        for (number, queue) in self.replies.iter().enumerate() {
            let reply = next_reply(&self.channel, queue).await;
            assert_eq!(reply["status_code"], 200, "{reply}");
            assert_eq!(reply["data"]["name"], format!("{}-{number}", self.prefix));
        }
        let site = &round.world.outdial().site;
        let like = format!("outdial_outdials WHERE name LIKE '{}-%'", self.prefix);
        let rows = site.count(&like).await;
        let names = site
            .count(&format!("(SELECT DISTINCT name FROM {like}) AS names"))
            .await;
        let count = self.replies.len() as i64;
        round.promise(
            (rows, names) == (count, count),
            format!("{count} changes without a key made {rows} rows with {names} names"),
        );
    }
}

async fn twice(round: &mut Round<'_>) {
    /// So many are sent, each to both replicas.
    const MESSAGES: usize = 30;
    const COPIES: usize = 2;
    let site = &round.world.outdial().site;
    let (_connection, channel) = site.channel().await;
    let replies = reply_queue(&channel).await;
    let prefix = round.name("twice");
    for number in 0..MESSAGES {
        let properties = BasicProperties::default()
            .with_message_id(format!("{prefix}-{number}").as_str().into())
            .with_reply_to(replies.clone());
        for _ in 0..COPIES {
            let body = create(&format!("{prefix}-{number}"));
            site.publish(&channel, &body, properties.clone()).await;
        }
    }
    let mut told = BTreeSet::new();
    for _ in 0..MESSAGES * COPIES {
        let reply = next_reply(&channel, &replies).await;
        assert_eq!(reply["status_code"], 200, "{reply}");
        told.insert(reply["data"]["id"].to_string());
    }
    assert_eq!(told.len(), MESSAGES, "copies are answered alike");
    let rows = format!("outdial_outdials WHERE name LIKE '{prefix}-%'");
    assert_eq!(site.count(&rows).await, MESSAGES as i64);
    round.heal();
}

async fn redelivered(round: &mut Round<'_>) {
    const REQUESTS: usize = 20;
    // They wait when the one who dies with them comes.
    let team = round.world.outdial_mut();
    for position in 0..REPLICAS {
        team.daemon(position).signal("KILL");
    }
    let keyless = Keyless::publish(&team.site, REQUESTS).await;
    team.replace(0, &[("TANDEM_FAILPOINT", "before_ack:15")]);
    let code = team.daemon_mut(0).ended().await;
    assert_eq!(code, None, "killed before an acknowledgement");
    team.replace_all(&[]);
    round.heal();
    keyless.are_each_done_once(round).await;
}
