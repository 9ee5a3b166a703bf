//! Calls by SIP: sold and redirected, refused with a reason, canceled.

use super::*;

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_invite_is_sold_and_redirected(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let switch = Switch::new(address).await;
    switch.send(&message("INVITE", "one", "")).await;
    assert_eq!(code(&switch.next().await), 100);
    let moved = switch.next().await;
    assert_eq!(code(&moved), 302, "{moved}");
    assert_eq!(
        header(&moved, "Contact"),
        "<sip:+14155550199@sip.example;user=phone>"
    );
    assert!(header(&moved, "To").contains(";tag="), "{moved}");
    assert_eq!(world.money(&buyer).await, (10_000, 500));

    // Unacknowledged, it comes again by itself; and when it is asked for again.
    assert_eq!(switch.next().await, moved);
    switch.send(&message("INVITE", "one", "")).await;
    assert_eq!(switch.next().await, moved);
    switch.send(&message("ACK", "one", "")).await;
    switch.send(&message("CANCEL", "one", "")).await;
    let last = loop {
        let next = switch.next().await;
        if next != moved {
            break next;
        }
    };
    assert_eq!((code(&last), header(&last, "CSeq")), (200, "1 CANCEL"));
    assert_eq!(switch.next_within(1_500).await, None);
    assert_eq!(calls(&world).await.len(), 1);

    let report = async |status: &str| {
        let body = json!({
            "reference": "one@192.0.2.1", "status": status, "duration_seconds": 60,
            "bid_id": header(&moved, "X-Bid-Id"),
        });
        world.client.ok(Post, "/v1/calls/status", Some(body)).await
    };
    for status in ["ringing", "in_progress", "completed"] {
        assert_eq!(report(status).await["status"], status);
    }
    assert_eq!(world.money(&buyer).await, (9_500, 0));
    let unknown = json!({"reference": "two@192.0.2.1", "status": "ringing"});
    let unknown = world
        .client
        .call(Post, "/v1/calls/status", Some(unknown))
        .await;
    assert_eq!(reason(&unknown), (404, "CALL_NOT_FOUND"));
    world.end().await;
}

/// Calls as "one", and cancels before the call is decided about.
async fn call_and_cancel(switch: &Switch) {
    switch.send(&message("INVITE", "one", "")).await;
    switch.send(&message("CANCEL", "one", "")).await;
    let mut codes = Vec::new();
    while codes.len() < 3 {
        codes.push(code(&switch.next().await));
    }
    codes.sort_unstable();
    assert_eq!(codes, [100, 200, 487]);
    switch.send(&message("ACK", "one", "")).await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_cancelled_is_not_sold(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let switch = Switch::new(address).await;
    call_and_cancel(&switch).await;
    until("the call is given up", async || {
        let calls = calls(&world).await;
        let call = calls.first()?;
        (text(call, "status") == "canceled").then_some(())
    })
    .await;
    assert_eq!(world.money(&buyer).await, (10_000, 0));
    switch.send(&message("CANCEL", "none", "")).await;
    assert_eq!(code(&switch.last().await), 481);
    world.end().await;
}

/// Nobody brings it again. The next call is sold.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_cancelled_ends_though_its_decision_fails(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let switch = Switch::new(address).await;
    // The call is made, and nobody can win it.
    let db = world.installation.db();
    let away = "ALTER TABLE exchange_bids RENAME COLUMN price TO price_away";
    db.execute(away, vec![]).await.unwrap();
    call_and_cancel(&switch).await;
    let ended = until("the call is over", async || {
        let call = calls(&world).await.into_iter().next()?;
        (text(&call, "status") == "canceled").then_some(call)
    })
    .await;
    assert!(ended["tm_end"].is_string(), "{ended}");
    let back = "ALTER TABLE exchange_bids RENAME COLUMN price_away TO price";
    db.execute(back, vec![]).await.unwrap();
    drop(db);
    let said = world
        .get(&format!("calls/{}", id(&ended)), "explanation")
        .await;
    assert!(
        text(&said, "text").contains("The caller went away"),
        "{said}"
    );
    switch.send(&message("INVITE", "two", "")).await;
    let moved = loop {
        let last = switch.last().await;
        if header(&last, "Call-ID").starts_with("two") {
            break last;
        }
    };
    assert_eq!(code(&moved), 302, "{moved}");
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}

/// Those who stay are sold while the holds of others go back.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_goes_away_holds_up_nobody(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    const PAIRS: usize = 10;
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 100).await;
    let switch = Switch::new(address).await;
    // Each with a number of its own.
    let said = |method: &str, who: &str, pair: usize| {
        let place = usize::from(who == "stays");
        let caller = format!("+1415555{:04}", 1_000 + 2 * pair + place);
        to(method, CALLED, &caller, &format!("{who}{pair}"), "")
    };
    for pair in 0..PAIRS {
        for (method, who) in [("INVITE", "gone"), ("CANCEL", "gone"), ("INVITE", "stays")] {
            switch.send(&said(method, who, pair)).await;
        }
    }
    let (mut cancelled, mut finals) = (Vec::new(), 0);
    while finals < 2 * PAIRS {
        let next = switch.last().await;
        if header(&next, "CSeq") != "1 INVITE" {
            continue;
        }
        finals += 1;
        let call_id = header(&next, "Call-ID").to_owned();
        // As often as the answer comes before the CANCEL, a call that is cancelled has one.
        match code(&next) {
            302 => {}
            487 if call_id.starts_with("gone") => cancelled.push(call_id.clone()),
            code => panic!("{code} for {call_id}"),
        }
        let name = call_id.split('@').next().unwrap();
        switch.send(&message("ACK", name, "")).await;
    }
    let sold = 2 * PAIRS - cancelled.len();
    let held = i64::try_from(sold * 100).unwrap();
    // A call that is cancelled while it is decided may be held for a moment.
    until("what was cancelled is held no more", async || {
        let calls = calls(&world).await;
        let is_held = |call: &&Json| {
            let reference = text(call, "reference");
            let is_cancelled = cancelled.iter().any(|id| id == reference);
            is_cancelled && !matches!(text(call, "status"), "canceled" | "pending")
        };
        let is_over = !calls.iter().any(|call| is_held(&call));
        (is_over && world.money(&buyer).await == (10_000, held)).then_some(())
    })
    .await;
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_invite_of_a_dialog_sells_nothing(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let switch = Switch::new(address).await;
    let again =
        message("INVITE", "one", "").replace("@sip.example>\r\n", "@sip.example>;tag=b\r\n");
    assert!(again.contains(";tag=b"));
    switch.send(&again).await;
    assert_eq!(code(&switch.last().await), 481);
    assert_eq!(
        (calls(&world).await.len(), world.money(&buyer).await),
        (0, (10_000, 0))
    );
    world.end().await;
}

/// The same call in another transaction.
fn in_branch(method: &str, call: &str, branch: &str) -> String {
    message(method, call, "").replace(
        &format!("branch=z9hG4bK{call}"),
        &format!("branch=z9hG4bK{branch}"),
    )
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_touches_its_own_transaction_only(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let switch = Switch::new(address).await;
    switch.send(&message("INVITE", "one", "")).await;
    let moved = switch.last().await;
    assert_eq!(code(&moved), 302, "{moved}");
    switch.send(&message("ACK", "one", "")).await;
    // As often as the answer comes before the CANCEL.
    let mut is_cancelled = false;
    for nth in 0..50 {
        let branch = format!("second{nth}");
        switch.send(&in_branch("INVITE", "one", &branch)).await;
        switch.send(&in_branch("CANCEL", "one", &branch)).await;
        let mut codes = std::collections::BTreeSet::new();
        while codes.len() < 3 {
            let next = switch.next().await;
            if next.contains(&format!("branch=z9hG4bK{branch}\r\n"))
                || next.contains(&format!("branch=z9hG4bK{branch};"))
            {
                codes.insert(code(&next));
            }
        }
        switch.send(&in_branch("ACK", "one", &branch)).await;
        is_cancelled = codes.contains(&487);
        if is_cancelled {
            break;
        }
    }
    assert!(is_cancelled);
    // A third has the answer of the first: by then the second is over.
    switch.send(&in_branch("INVITE", "one", "third")).await;
    let third = loop {
        let last = switch.last().await;
        if last.contains("branch=z9hG4bKthird") {
            break last;
        }
    };
    assert_eq!(
        (code(&third), header(&third, "X-Bid-Id")),
        (302, header(&moved, "X-Bid-Id"))
    );
    assert_eq!(text(&calls(&world).await[0], "status"), "queued");
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn one_call_in_many_transactions_has_one_answer(
    #[values(Kind::Embedded, Kind::Full)] kind: Kind,
) {
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let switch = Switch::new(address).await;
    for at in 0..10 {
        let branch = format!("many{at}");
        switch.send(&in_branch("INVITE", "one", &branch)).await;
    }
    let mut bids = std::collections::BTreeMap::new();
    while bids.len() < 10 {
        let last = switch.last().await;
        assert_eq!(code(&last), 302, "{last}");
        let via = header(&last, "Via").to_owned();
        bids.insert(via, header(&last, "X-Bid-Id").to_owned());
    }
    let first = bids.values().next().unwrap();
    assert!(bids.values().all(|bid| bid == first), "{bids:?}");
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_sold_hears_why(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    sold_at(&world, 50_000).await;
    let block = json!({"phone": "+14155550124", "list": "block"});
    world
        .client
        .ok(Post, "/v1/fraud/entries", Some(block))
        .await;
    let switch = Switch::new(address).await;
    let cases = [
        (CALLED, CALLER, 480, "NO_BIDS_AVAILABLE"),
        (CALLED, "+14155550124", 603, "FRAUD_DETECTED"),
        (CALLED, "anonymous", 603, "CALLER_ID_REQUIRED"),
        ("+14155550177", CALLER, 404, "NUMBER_UNKNOWN"),
        ("sales", CALLER, 404, "NUMBER_UNKNOWN"),
    ];
    for (at, (called, caller, status, why)) in cases.into_iter().enumerate() {
        let call = format!("call{at}");
        switch.send(&to("INVITE", called, caller, &call, "")).await;
        let refused = switch.last().await;
        assert_eq!(code(&refused), status, "{refused}");
        assert!(header(&refused, "Reason").contains(why), "{refused}");
        switch.send(&to("ACK", called, caller, &call, "")).await;
    }
    // Nobody waits on the line any more; the same INVITE by another way hears the same.
    let calls = calls(&world).await;
    assert_eq!(calls.len(), 1, "{calls:?}");
    assert_eq!(
        (text(&calls[0], "status"), text(&calls[0], "reason")),
        ("failed", "NO_BIDS_AVAILABLE")
    );
    switch.send(&in_branch("INVITE", "call0", "again")).await;
    let again = loop {
        let last = switch.last().await;
        if last.contains("branch=z9hG4bKagain") {
            break last;
        }
    };
    let why = header(&again, "Reason");
    assert!(
        code(&again) == 480 && why.contains("NO_BIDS_AVAILABLE"),
        "{again}"
    );
    switch.send(&in_branch("ACK", "call0", "again")).await;
    switch.send(&message("OPTIONS", "o", "")).await;
    let options = switch.last().await;
    assert_eq!(
        (code(&options), header(&options, "Allow")),
        (200, "INVITE, ACK, CANCEL, OPTIONS")
    );
    for noise in [
        "",
        "\r\n\r\n",
        "hello",
        "INVITE sip:a SIP/2.0\r\n\r\n",
        "SIP/2.0 200 OK\r\n\r\n",
    ] {
        switch.send(noise).await;
    }
    switch
        .socket
        .send_to(&[0xff; 60_000], address)
        .await
        .unwrap();
    assert_eq!(switch.next_within(700).await, None);
    switch.send(&message("OPTIONS", "p", "")).await;
    assert_eq!(code(&switch.last().await), 200, "it goes on");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_call_id_is_that_of_one_call(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    const OTHER: &str = "+14155550101";
    let (world, address) = open(kind, &[]).await;
    let (_, buyer) = sold_at(&world, 500).await;
    let second = world.campaign(json!({"numbers": [OTHER]})).await;
    world.profile(&buyer, &second, 400, json!({})).await;
    let switch = Switch::new(address).await;
    let ask = async |called: &str, caller: &str, branch: &str| {
        let invite = to("INVITE", called, caller, "one", "");
        let invite = invite.replace("branch=z9hG4bKone", &format!("branch=z9hG4bK{branch}"));
        switch.send(&invite).await;
        let said = loop {
            let said = switch.last().await;
            if header(&said, "Via").contains(branch) {
                break said;
            }
        };
        switch.send(&invite.replace("INVITE", "ACK")).await;
        said
    };
    assert_eq!(code(&ask(CALLED, CALLER, "first").await), 302);
    assert_eq!(code(&ask(CALLED, CALLER, "again").await), 302);
    for (called, caller, branch) in [
        (OTHER, "+14155550124", "third"),
        (OTHER, CALLER, "fourth"),
        (CALLED, "+14155550124", "fifth"),
    ] {
        let refused = ask(called, caller, branch).await;
        assert_eq!(code(&refused), 400, "{refused}");
        assert!(
            header(&refused, "Reason").contains("CALL_ID_TAKEN"),
            "{refused}"
        );
    }
    let long = "x".repeat(300);
    switch.send(&message("INVITE", &long, "")).await;
    let refused = loop {
        let said = switch.last().await;
        if header(&said, "Call-ID").starts_with("xxx") {
            break said;
        }
    };
    assert_eq!(code(&refused), 400, "{refused}");
    assert!(
        header(&refused, "Reason").contains("CALL_ID_TOO_LONG"),
        "{refused}"
    );
    assert_eq!(calls(&world).await.len(), 1);
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_may_come_in_pieces(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    sold_at(&world, 500).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let options = message("OPTIONS", "o", "");
    let all = format!("\r\n\r\n{options}{}", message("INVITE", "one", ""));
    for piece in all.as_bytes().chunks(100) {
        stream.write_all(piece).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut heard = String::new();
    while !heard.contains("302 Moved") || !heard.ends_with("\r\n\r\n") {
        let mut bytes = [0; 4_096];
        let read = timeout(Duration::from_secs(10), stream.read(&mut bytes));
        let count = read.await.unwrap().unwrap();
        assert!(count > 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&bytes[..count]));
    }
    let codes: Vec<u16> = heard
        .lines()
        .filter(|line| line.starts_with("SIP/2.0 "))
        .map(code)
        .collect();
    assert_eq!(codes, [200, 100, 302]);
    stream.write_all(b"nonsense\r\n\r\n").await.unwrap();
    let mut rest = Vec::new();
    let closed = timeout(Duration::from_secs(10), stream.read_to_end(&mut rest));
    assert_eq!(closed.await.unwrap().unwrap_or(0), 0, "it is closed");
    world.end().await;
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_call_of_a_ping_comes_by_sip(#[values(Kind::Embedded, Kind::Full)] kind: Kind) {
    let (world, address) = open(kind, &[]).await;
    let (campaign, buyer) = sold_at(&world, 500).await;
    let body = json!({"call_campaign_id": campaign, "from_number": CALLER});
    let ping = world.client.ok(Post, "/v1/pings", Some(body)).await;
    assert_eq!(ping["destination"], CALLED);
    let uri = format!("/v1/pings/{}/accept", id(&ping));
    let accepted = world.client.ok(Post, &uri, None).await;
    let switch = Switch::new(address).await;
    switch.send(&message("INVITE", "one", "")).await;
    let moved = switch.last().await;
    assert_eq!(
        (code(&moved), header(&moved, "X-Call-Id")),
        (302, text(&accepted, "call_id")),
        "{moved}"
    );
    switch.send(&message("ACK", "one", "")).await;
    assert_eq!(calls(&world).await.len(), 1);
    assert_eq!(world.money(&buyer).await, (10_000, 500));
    world.end().await;
}
