//! On the broker: what voipbin's services send, and what they find and hear.

use bin_common_handler::{
    models::sock::Method::{Get, Post, Put},
    testing::{Kind, until},
};
use lapin::{
    BasicProperties, ExchangeKind,
    message::BasicGetMessage,
    options::{ExchangeDeclareOptions, QueueDeclareOptions},
    types::{AMQPValue, FieldTable},
};
use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::{
    peer::{Peer, envelope},
    world::{World, list, text, version},
};

fn queue(world: &World) -> String {
    format!("bin-manager.{}.request", world.client.name)
}

fn body(message: &BasicGetMessage) -> Json {
    serde_json::from_slice(&message.delivery.data).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_correlation_id_is_answered_to_its_own_queue() {
    let world = World::new(Kind::Full).await;
    let peer = Peer::connect().await;
    let request = envelope(Post, "/v1/outdials", Some(json!({"name": "spring"})));
    let reply = peer.ask(&queue(&world), &request).await;

    let properties = &reply.delivery.properties;
    assert_eq!(
        properties.content_type().as_ref().unwrap().as_str(),
        "text/plain"
    );
    assert!(properties.correlation_id().is_none());
    assert_eq!(reply.delivery.exchange.as_str(), "");
    let response = body(&reply);
    assert_eq!(response["status_code"], 200);
    assert_eq!(response["data_type"], "application/json");
    assert_eq!(
        response["data"]["name"], "spring",
        "data is raw JSON, no text"
    );
    let uri = format!("/v1/outdials/{}", text(&response["data"], "id"));
    let (status, read) = peer.call(world.client.name, Get, &uri, None).await;
    assert_eq!((status, &read), (200, &response["data"]));
    peer.close().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correlation_id_is_echoed() {
    let world = World::new(Kind::Full).await;
    let peer = Peer::connect().await;
    let reply_to = peer.own_queue().await;
    let properties = BasicProperties::default()
        .with_reply_to(reply_to.as_str().into())
        .with_correlation_id("mine".into());
    let request = envelope(Get, "/v1/outdials", None);
    peer.publish(&queue(&world), &request, properties).await;
    let reply = peer.take(&reply_to).await;
    let echoed = reply.delivery.properties.correlation_id().clone();
    assert_eq!(echoed.unwrap().as_str(), "mine");
    peer.close().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_nothing_is_answered_404() {
    let world = World::new(Kind::Full).await;
    let peer = Peer::connect().await;
    for message in [
        "{}",
        r#"{"uri":"/v1/outdials"}"#,
        r#"{"uri":"/v1/outdials","method":null}"#,
        r#"{"uri":"/v1/outdials","method":""}"#,
        r#"{"uri":"/v1/outdials","method":"get"}"#,
        r#"{"uri":"/v1/outdials","method":"PATCH"}"#,
        r#"{"uri":"","method":"GET"}"#,
        r#"{"uri":null,"method":"GET"}"#,
        r#"{"method":"GET"}"#,
        r#"{"uri":"/api/v2/outdials","method":"GET"}"#,
    ] {
        let reply = peer.ask(&queue(&world), message.as_bytes()).await;
        let response = body(&reply);
        assert_eq!(response["status_code"], 404, "{message}: {response}");
        assert_eq!(response["data"]["reason"], "ROUTE_NOT_FOUND", "{message}");
    }
}

/// As other peers write them: with nulls, keys in another case, a mark before them, our address of HTTP.
#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_of_another_hand_is_served() {
    let world = World::new(Kind::Full).await;
    let peer = Peer::connect().await;
    for message in [
        r#"{"uri":"/v1/outdials","method":"GET","publisher":null}"#,
        r#"{"uri":"/v1/outdials","method":"GET","data_type":null,"data":null,"request_id":null}"#,
        r#"{"uri":"/v1/outdials","method":"GET","customer_id":"","idempotency_key":null}"#,
        r#"{"URI":"/v1/outdials","Method":"GET","Publisher":"x"}"#,
        r#"{"uri":"/api/v1/outdials?page_size=1","method":"GET"}"#,
        "\u{feff}{\"uri\":\"/v1/outdials\",\"method\":\"GET\"}",
    ] {
        let reply = peer.ask(&queue(&world), message.as_bytes()).await;
        let response = body(&reply);
        assert_eq!(response["status_code"], 200, "{message}: {response}");
    }
    let post = |data: &str| format!(r#"{{"uri":"/v1/outdials","method":"POST","data":{data}}}"#);
    for (data, name) in [
        (r#"{"NAME":"shouted"}"#, "shouted"),
        (r#"{"Name":"first","CUSTOMER_ID":""}"#, "first"),
        (r#"{"name":"n","Detail":"d"}"#, "n"),
    ] {
        let reply = peer.ask(&queue(&world), post(data).as_bytes()).await;
        let response = body(&reply);
        assert_eq!(response["status_code"], 200, "{data}: {response}");
        assert_eq!(response["data"]["name"], name, "{data}");
    }
    for data in [
        r#"{"name":"a","name":"b"}"#,
        r#"{"name":"a","NAME":"b"}"#,
        r#"{"name":"a","x":{"y":1,"y":2}}"#,
    ] {
        let reply = peer.ask(&queue(&world), post(data).as_bytes()).await;
        let response = body(&reply);
        assert_eq!(
            response["data"]["reason"], "INVALID_BODY",
            "{data}: {response}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_envelope_is_answered_400() {
    let world = World::new(Kind::Full).await;
    let peer = Peer::connect().await;
    for message in [
        "",
        "hello",
        "[]",
        r#" ["/v1/outdials","GET"]"#,
        "null",
        r#"{"uri":"/v1/outdials","uri":"/v1/outdials","method":"GET"}"#,
        r#"{"uri":"/v1/outdials","method":"GET","a":1,"a":1}"#,
        r#"{"uri":7,"method":"GET"}"#,
        r#"{"uri":"/v1/outdials","method":"GET","customer_id":"me"}"#,
        r#"{"uri":"/v1/outdials","method":"GET""#,
    ] {
        let reply = peer.ask(&queue(&world), message.as_bytes()).await;
        let response = body(&reply);
        assert_eq!(response["status_code"], 400, "{message}: {response}");
        assert_eq!(response["data_type"], "voipbin_error", "{message}");
        assert_eq!(response["data"]["status"], "INVALID_ARGUMENT", "{message}");
    }
    let not_utf8 = peer.ask(&queue(&world), &[0xff, 0xfe, 0x00]).await;
    assert_eq!(body(&not_utf8)["status_code"], 400);
    let huge = vec![b' '; 1024 * 1024 + 1];
    let reply = body(&peer.ask(&queue(&world), &huge).await);
    assert_eq!(reply["data"]["reason"], "REQUEST_TOO_LARGE");
    let still = peer
        .call(world.client.name, Get, "/v1/outdials", None)
        .await;
    assert_eq!(still, (200, json!([])), "it goes on serving");
    peer.close().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_reply_to_the_work_is_done_all_the_same() {
    let world = World::new(Kind::Full).await;
    let peer = Peer::connect().await;
    let request = envelope(Post, "/v1/outdials", Some(json!({"name": "silent"})));
    peer.publish(&queue(&world), &request, BasicProperties::default())
        .await;
    until("the work is done", async || {
        let rows = list(world.client.ok(Get, "/v1/outdials", None).await);
        (rows.len() == 1 && text(&rows[0], "name") == "silent").then_some(())
    })
    .await;
    peer.close().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_into_the_request_queue_itself_makes_no_loop() {
    let world = World::new(Kind::Full).await;
    let peer = Peer::connect().await;
    let queue = queue(&world);
    let properties = BasicProperties::default().with_reply_to(queue.as_str().into());
    peer.publish(&queue, &envelope(Get, "/v1/outdials", None), properties)
        .await;
    let dropped = &world.replicas[0].parts.metrics.dropped;
    until("the reply is dropped", async || {
        let count = dropped
            .with_label_values(&[world.client.name, "reply_loop"])
            .get();
        (count == 1).then_some(())
    })
    .await;
    let passive = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = peer
        .channel
        .queue_declare(queue.as_str().into(), passive, FieldTable::default())
        .await
        .unwrap();
    assert_eq!(declared.message_count(), 0);
    peer.close().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_go_peer_may_declare_everything_again() {
    let world = World::new(Kind::Full).await;
    let peer = Peer::connect().await;
    let queue = queue(&world);
    for passive in [true, false] {
        let options = QueueDeclareOptions {
            passive,
            durable: true,
            ..QueueDeclareOptions::default()
        };
        let declared = peer
            .channel
            .queue_declare(queue.as_str().into(), options, FieldTable::default())
            .await
            .unwrap();
        assert_eq!(declared.consumer_count(), 1, "one consumer a replica");
    }
    let durable = ExchangeDeclareOptions {
        durable: true,
        ..ExchangeDeclareOptions::default()
    };
    let fanout = format!("bin-manager.{}.event", world.client.name);
    for (exchange, kind) in [
        ("bin-manager.event", ExchangeKind::Topic),
        (fanout.as_str(), ExchangeKind::Fanout),
    ] {
        peer.channel
            .exchange_declare(exchange.into(), kind, durable, FieldTable::default())
            .await
            .unwrap();
    }
    peer.close().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_published_once_and_reaches_old_and_new_listeners() {
    let world = World::new(Kind::Full).await;
    let peer = Peer::connect().await;
    let name = world.client.name;
    let fanout = format!("bin-manager.{name}.event");
    let new = peer.listen("bin-manager.event", &format!("{name}.#")).await;
    let old = peer.listen(&fanout, "").await;
    let picky = peer
        .listen("bin-manager.event", &format!("{name}.outdial.*.updated"))
        .await;
    let made = world.client.ok(Post, "/v1/outdials", Some(json!({}))).await;
    let uri = format!("/v1/outdials/{}", text(&made, "id"));
    let changed = world.client.ok(Put, &uri, Some(json!({"name": "x"}))).await;

    let mut seen = Vec::new();
    for (entity, action) in [(&made, "created"), (&changed, "updated")] {
        let (by_new, by_old) = (peer.take(&new).await, peer.take(&old).await);
        assert_eq!(by_new.delivery.exchange.as_str(), "bin-manager.event");
        for message in [&by_new, &by_old] {
            let delivery = &message.delivery;
            let key = format!("{name}.outdial.{}.{action}", text(entity, "id"));
            assert_eq!(delivery.routing_key.as_str(), key);
            assert_eq!(delivery.properties.delivery_mode(), &Some(2));
            let version = version(entity);
            let headers = delivery.properties.headers().as_ref().unwrap();
            assert_eq!(
                headers.inner().get("x-version"),
                Some(&AMQPValue::LongLongInt(version.micros()))
            );
            assert_eq!(
                body(message),
                json!({
                    "type": format!("outdial_{action}"), "publisher": name,
                    "data_type": "application/json", "data": entity,
                })
            );
        }
        let message_id = |message: &BasicGetMessage| {
            let id = message.delivery.properties.message_id().clone();
            id.unwrap().as_str().to_owned()
        };
        assert_eq!(message_id(&by_new), message_id(&by_old), "the same event");
        seen.push(message_id(&by_new));
    }
    assert_ne!(seen[0], seen[1]);
    let picked = peer.take(&picky).await;
    assert_eq!(body(&picked)["type"], "outdial_updated");
    // Whatever came before the second event came before this point.
    for queue in [&new, &old, &picky] {
        assert!(peer.poll(queue).await.is_none(), "nothing twice");
    }
    peer.close().await;
    world.end().await;
}

#[rstest]
#[case::message_id(Some("m-1"), 1)]
#[case::no_message_id(None, 2)]
#[tokio::test(flavor = "multi_thread")]
async fn a_message_id_makes_an_effect_happen_once(
    #[case] message_id: Option<&str>,
    #[case] rows: usize,
) {
    let world = World::new(Kind::Full).await;
    let peer = Peer::connect().await;
    let request = envelope(Post, "/v1/outdials", Some(json!({})));
    let mut replies = Vec::new();
    for _ in 0..2 {
        let reply_to = peer.own_queue().await;
        let mut properties = BasicProperties::default().with_reply_to(reply_to.as_str().into());
        if let Some(id) = message_id {
            properties = properties.with_message_id(id.into());
        }
        peer.publish(&queue(&world), &request, properties).await;
        replies.push(body(&peer.take(&reply_to).await));
    }
    assert_eq!(replies[0] == replies[1], message_id.is_some());
    let all = list(world.client.ok(Get, "/v1/outdials", None).await);
    assert_eq!(all.len(), rows);
    peer.close().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhook_manager_is_sent_each_event_of_a_customer_when_asked_to() {
    let world = World::with(Kind::Full, &[("WEBHOOK_FORWARDING", "true")]).await;
    let peer = Peer::connect().await;
    let queue = "bin-manager.webhook-manager.request";
    let durable = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let arguments = FieldTable::default();
    peer.channel
        .queue_declare(queue.into(), durable, arguments)
        .await
        .unwrap();
    let customer_id = bin_common_handler::ids::next();
    world
        .client
        .ok(Post, "/v1/outdials", Some(json!({"name": "nobody's"})))
        .await;
    let made = json!({"name": "somebody's", "customer_id": customer_id});
    let made = world.client.ok(Post, "/v1/outdials", Some(made)).await;

    // The queue is the whole broker's: another run may have left something.
    let request = until("the webhook request", async || {
        let request = body(&peer.poll(queue).await?);
        (request["data"]["customer_id"] == json!(customer_id)).then_some(request)
    })
    .await;
    assert_eq!(request["uri"], "/v1/webhooks");
    assert_eq!(request["method"], "POST");
    assert_eq!(
        request["data"],
        json!({
            "customer_id": customer_id,
            "data_type": "application/json",
            "data": {"type": "outdial_created", "data": made},
        }),
        "and nothing of an outdial that belongs to nobody"
    );
    peer.close().await;
    world.end().await;
}
