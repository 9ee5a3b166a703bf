//! Who may call: by digest, and by no recorded message.

use super::*;

/// The user's answer to a challenge.
fn answer_to(asked: &str) -> String {
    let md5 = asked
        .lines()
        .find(|line| line.contains("algorithm=MD5"))
        .unwrap();
    let nonce = md5
        .split("nonce=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let hash = |text: String| hex(&Md5::digest(text.as_bytes()));
    let uri = format!("sip:{CALLED}@sip.example");
    let own = hash("switch:tandem:correct horse".to_owned());
    let what = hash(format!("INVITE:{uri}"));
    let response = hash(format!("{own}:{nonce}:00000001:c:auth:{what}"));
    format!(
        "Authorization: Digest username=\"switch\", realm=\"tandem\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c\"\r\n"
    )
}

/// Sends a message as the bridge carries a frame of a socket; the last answer.
async fn by_socket(world: &World, message: &str) -> String {
    let address = std::net::Ipv4Addr::new(203, 0, 113, 9).into();
    let frame = Frame::new(ids::next(), address, message.as_bytes());
    let frame = serde_json::to_value(frame).unwrap();
    let said = world.client.ok(Post, "/v1/sip/frames", Some(frame)).await;
    said["frames"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_opens_nothing_in_any_process_and_after_a_restart() {
    let settings = [
        ("SIP_CREDENTIALS", "switch:correct horse"),
        ("SECRETS_KEY", "0123456789abcdef0123456789abcdef"),
    ];
    let mut world = World::replicated_with(Kind::Full, &settings).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let asked = by_socket(&world, &message("INVITE", "one", "")).await;
    assert_eq!(code(&asked), 401, "{asked}");
    let authorization = answer_to(&asked);
    let moved = by_socket(&world, &message("INVITE", "two", &authorization)).await;
    assert_eq!(code(&moved), 302, "{moved}");
    // As many as meet both processes, then a new one. Another form of the same answer is the same.
    for nth in 0..12 {
        if nth == 8 {
            world.restart().await;
        }
        let form = match nth % 2 {
            0 => authorization.clone(),
            _ => authorization.replace(", nc=00000001", " ,  nc=1"),
        };
        let again = format!("again{nth}");
        let again = by_socket(&world, &message("INVITE", &again, &form)).await;
        assert_eq!(code(&again), 401, "{nth}: {again}");
    }
    assert_eq!(calls(&world).await.len(), 1);
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_digest_lets_in_who_is_not_listed(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let settings = [
        ("SIP_ALLOWED_ADDRESSES", "10.0.0.1"),
        ("SIP_CREDENTIALS", "switch:correct horse"),
    ];
    let (world, address) = open(kind, &settings).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let switch = Switch::new(address).await;
    switch.send(&message("INVITE", "one", "")).await;
    let asked = switch.next().await;
    assert_eq!(code(&asked), 401, "{asked}");
    assert_eq!(calls(&world).await.len(), 0);
    let authorization = answer_to(&asked);
    switch.send(&message("INVITE", "two", &authorization)).await;
    assert_eq!(code(&switch.last().await), 302);
    switch.send(&message("ACK", "two", "")).await;
    // Recorded and sent again under another name, it opens nothing.
    switch
        .send(&message("INVITE", "three", &authorization))
        .await;
    let again = switch.last().await;
    assert_eq!(
        (code(&again), again.contains("stale=true")),
        (401, true),
        "{again}"
    );
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}
