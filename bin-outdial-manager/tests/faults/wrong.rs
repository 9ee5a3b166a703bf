//! Requests that are wrong in ways that could hurt.

use bin_common_handler::testing::lab::until;
use lapin::{
    BasicProperties, options::BasicGetOptions, options::QueueDeclareOptions, types::FieldTable,
};
use serde_json::Value as Json;

use crate::scene::scene;

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_answered_and_the_process_stays() {
    let scene = scene().await;
    let mut daemon = scene.daemon().await;
    let (_connection, channel) = scene.channel().await;
    let exclusive = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let reply_queue = channel
        .queue_declare("".into(), exclusive, FieldTable::default())
        .await
        .unwrap();
    let envelope = |data: &str| {
        format!(r#"{{"uri":"/v1/outdials","method":"POST","publisher":"test","data":{data}}}"#)
    };
    let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let cases = [
        (
            "REQUEST_TOO_LARGE",
            envelope(&format!("\"{}\"", "x".repeat(2 * 1024 * 1024))),
        ),
        ("INVALID_ENVELOPE", deep(100_000)),
        ("INVALID_BODY", envelope(&deep(100_000))),
        (
            "INVALID_BODY",
            envelope(&format!("{{\"name\":{}}}", deep(100))),
        ),
        ("INVALID_BODY", envelope(r#"{"name":"\ud800"}"#)),
        ("INVALID_BODY", envelope(r#"{"name":1e999}"#)),
        ("INVALID_ENVELOPE", "{".to_owned()),
        ("INVALID_ENVELOPE", String::new()),
    ];
    for (reason, body) in cases {
        let properties = BasicProperties::default().with_reply_to(reply_queue.name().clone());
        scene.publish(&channel, body.as_bytes(), properties).await;
        let reply = until("a reply", async || {
            let options = BasicGetOptions { no_ack: true };
            let name = reply_queue.name().clone();
            Some(
                channel
                    .basic_get(name, options)
                    .await
                    .unwrap()?
                    .delivery
                    .data,
            )
        })
        .await;
        let reply: Json = serde_json::from_slice(&reply).unwrap();
        let shown: String = body.chars().take(80).collect();
        assert_eq!(reply["status_code"], 400, "{shown}: {reply}");
        assert_eq!(reply["data_type"], "voipbin_error", "{shown}");
        assert_eq!(reply["data"]["reason"], reason, "{shown}: {reply}");
    }
    assert_eq!(scene.count("outdial_outdials").await, 0);
    daemon.ready().await;
    assert!(daemon.runs());
}
