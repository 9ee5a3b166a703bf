//! Events of others: who takes them dies between keeping them and telling the broker so.

use bin_common_handler::{ids, models::sock::Method::Post, testing::until_within};
use serde_json::json;

use crate::{
    fault::{Fault, fault},
    round::Round,
    world::{DRAIN_MAX, REPLICAS},
};

pub const FAULTS: &[Fault] = &[fault(
    "events-consumer-killed",
    "SIGKILL after events were kept, before their acknowledgement: they come again, none is lost",
    |round| Box::pin(killed(round)),
)];

/// Opt-outs that chat-manager tells and outdial-manager hears.
const PEOPLE: i64 = 30;
/// Forms in which outdial-manager keeps each number.
const FORMS: i64 = 3;

async fn killed(round: &mut Round<'_>) {
    let chat = &round.world.chat().site;
    let customer_id = ids::next();
    let client = chat.client(chat.manager()).within(customer_id);
    let team = round.world.outdial_mut();
    let known = team.site.count("outdial_received").await;
    let dead = team.site.count("outdial_dead_letters").await;
    // One replica at a time takes events, so there is only one.
    for position in 1..REPLICAS {
        team.daemon(position).signal("KILL");
    }
    team.replace(0, &[("TANDEM_FAILPOINT", "before_event_ack:2")]);
    for person in 0..PEOPLE {
        let number = format!("+1415555{:04}", 100 + person);
        client
            .ok(Post, "/v1/optouts", Some(json!({ "number": number })))
            .await;
    }
    let code = team.daemon_mut(0).ended().await;
    assert_eq!(code, None, "killed before an acknowledgement");
    team.replace_all(&[]);
    round.heal();

    let site = &round.world.outdial().site;
    let ours = format!(
        "outdial_optouts WHERE customer_id = UNHEX('{}')",
        customer_id.simple()
    );
    until_within(DRAIN_MAX * 3, "every opt-out is heard", async || {
        (site.count(&ours).await == PEOPLE * FORMS).then_some(())
    })
    .await;
    let worked_on = site.count("outdial_received").await - known;
    let given_up = site.count("outdial_dead_letters").await - dead;
    round.promise(
        // The load tells of opt-outs, too.
        worked_on >= PEOPLE && given_up == 0,
        format!("of {PEOPLE} events {worked_on} were worked on, and {given_up} were given up"),
    );
}
