//! Two bridges before the same managers: whoever moves from one to the other misses nothing and hears nothing twice.

use bin_common_handler::testing::{Kind, spawn, until};
use serde_json::json;
use tandem::bridge::sidecar;

use super::{
    order::{read, speak},
    world::{Client, PAGE, World, call, text},
};

/// What is said while clients move.
const MESSAGES: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn whoever_moves_to_another_bridge_hears_everything_once_and_in_order() {
    let mut world = World::new(Kind::Full).await;
    let other = world.whole.join_bridge(sidecar).await.to_string();
    let desk = world.desk.clone();
    let visitor = desk.visitor().await;
    let last = i64::try_from(MESSAGES).unwrap() + 1;
    let nodes = [desk.at.clone(), other];
    let mut reading = Vec::new();
    // One moves after each few events; the others stay, one at each.
    for nodes in [nodes.to_vec(), nodes[..1].to_vec(), nodes[1..].to_vec()] {
        let (desk, visitor) = (desk.clone(), visitor.clone());
        let stay = if nodes.len() > 1 { 17 } else { last };
        reading.push(spawn(async move {
            read(&nodes, &desk.key, &visitor, (last, stay)).await
        }));
    }
    speak(desk, visitor, MESSAGES).await;
    for reader in reading {
        let expected: Vec<i64> = (1..=last).collect();
        assert_eq!(reader.await.unwrap(), expected);
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_at_one_bridge_is_heard_at_the_other() {
    let mut world = World::new(Kind::Full).await;
    let other = world.whole.join_bridge(sidecar).await.to_string();
    let desk = &world.desk;
    let visitor = desk.visitor().await;
    let mut page = desk.join(&visitor).await;
    page.sub(&visitor.scope()).await;
    let mut agent = Client::open(&other, "/ws/v1/events", &desk.key).await;
    for scope in [&visitor.scope(), "conversations", "customer"] {
        agent.sub(scope).await;
    }
    // The very first event after the answer is heard.
    page.say(json!({"op": "typing", "conversation_id": visitor.conversation, "on": true}))
        .await;
    assert_eq!(agent.until("typing").await["on"], json!(true));
    page.say(visitor.msg("m", "Hello?")).await;
    let heard = agent.until("ev").await;
    assert_eq!(heard["data"]["message"]["body"], "Hello?", "{heard}");
    agent.say(visitor.msg("a", "Hi!")).await;
    until("the answer", async || {
        let heard = page.until("ev").await;
        (heard["data"]["message"]["body"] == "Hi!").then_some(())
    })
    .await;
    // A session that ends at one closes its sockets at the other.
    let path = format!("/ws/v1/conversations/{}", visitor.conversation);
    let mut far = Client::open(&other, &path, &visitor.token).await;
    let end = format!("/v1/chat_sessions/{}/end", visitor.session);
    let began = std::time::Instant::now();
    let body = json!({"token": visitor.token});
    let origin = [("origin", PAGE)];
    let (status, said) = call(&desk.at, "", ("POST", &end), &origin, Some(&body)).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(far.closed().await, 4401);
    assert!(began.elapsed().as_secs() < 5, "{}", text(&said, "id"));
    world.end().await;
}
