//! The description of the routes, as programs fetch it.

use super::{client::send, world::start};

const LINE: &str = "GET /openapi.json";

#[tokio::test]
async fn the_description_is_there_without_a_key_and_kept_by_who_has_it() {
    let world = start().await;
    let answer = send(world.at, LINE, &[], "").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=60"));
    let document = answer.json();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["paths"]["/v1/notes"]["get"].is_object());
    let etag = answer.header("etag").unwrap().to_owned();
    let (weak, other) = (
        format!("if-none-match: \"x\", W/{etag}"),
        "if-none-match: \"x\"",
    );
    let known = send(world.at, LINE, &[&weak], "").await;
    assert_eq!((known.status, known.text.as_str()), (304, ""));
    assert_eq!(known.header("etag"), Some(etag.as_str()));
    assert_eq!(send(world.at, LINE, &[other], "").await.status, 200);
    assert_eq!(
        send(world.at, "POST /openapi.json", &[], "").await.status,
        401
    );
}
