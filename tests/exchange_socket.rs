//! The exchange over sockets of the bridge, by clients that know nothing of it: accounts follow their own part and bid,
//! and a softphone in a browser is redirected (RFC 7118).

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use bin_common_handler::{
        models::{
            sock::Method::{Delete, Post},
            text::hex,
        },
        testing::{BRIDGE_KEY, Client, Kind, Whole, until},
    };
    use futures_util::{SinkExt, StreamExt};
    use rstest::rstest;
    use serde_json::{Value as Json, json};
    use sha2::{Digest, Sha256};
    use tandem::managers;
    use tokio::{net::TcpStream, time::timeout};
    use tokio_tungstenite::{
        WebSocketStream, client_async,
        tungstenite::{Message, client::IntoClientRequest},
    };

    const NUMBER: &str = "+14155550100";
    const CALLER: &str = "+14155550123";
    const PATIENCE: Duration = Duration::from_secs(20);
    const SETTINGS: &[(&str, &str)] = &[
        ("SECRETS_KEY", "0123456789abcdef0123456789abcdef"),
        ("SIP_CREDENTIALS", "phone:correct horse"),
    ];

    struct Socket(WebSocketStream<TcpStream>);

    impl Socket {
        async fn open(whole: &Whole, path: &str, headers: &[(&'static str, &str)]) -> Option<Self> {
            let stream = TcpStream::connect(whole.bridge).await.unwrap();
            let uri = format!("ws://{}{path}", whole.bridge);
            let mut request = uri.into_client_request().unwrap();
            for (name, value) in headers {
                request.headers_mut().insert(*name, value.parse().unwrap());
            }
            let (socket, answer) = client_async(request, stream).await.ok()?;
            if path.ends_with("sip") {
                assert_eq!(answer.headers()["sec-websocket-protocol"], "sip");
            }
            Some(Self(socket))
        }

        async fn follow(whole: &Whole, key: &str, scopes: &[&str]) -> Self {
            let socket = Self::open(whole, "/ws/v1/events", &[("x-api-key", key)]).await;
            let mut socket = socket.unwrap();
            assert_eq!(socket.next().await["op"], "hello");
            for scope in scopes {
                let said = socket.ask(&json!({"op": "sub", "scope": scope})).await;
                assert_eq!(said["op"], "subscribed", "{said}");
            }
            socket
        }

        async fn text(&mut self, text: &str) {
            self.0.send(Message::text(text.to_owned())).await.unwrap();
        }

        async fn heard(&mut self) -> String {
            loop {
                let next = timeout(PATIENCE, self.0.next()).await.expect("in time");
                if let Message::Text(text) = next.expect("a message").unwrap() {
                    return text.as_str().to_owned();
                }
            }
        }

        async fn next(&mut self) -> Json {
            serde_json::from_str(&self.heard().await).unwrap()
        }

        async fn ask(&mut self, frame: &Json) -> Json {
            self.text(&frame.to_string()).await;
            self.next().await
        }

        /// Everything up to the last of these events, whatever their order.
        async fn up_to(&mut self, kinds: &[&str]) -> Vec<Json> {
            let mut all: Vec<Json> = Vec::new();
            loop {
                all.push(self.next().await);
                let is_there = |kind: &&str| all.iter().any(|frame| frame["type"] == **kind);
                if kinds.iter().all(is_there) {
                    return all;
                }
            }
        }
    }

    /// The data of such an event.
    fn data<'f>(frames: &'f [Json], kind: &str) -> &'f Json {
        let found = frames.iter().find(|frame| frame["type"] == kind);
        &found.unwrap()["data"]
    }

    fn id(value: &Json) -> String {
        value["id"].as_str().unwrap().to_owned()
    }

    /// An exchange with a seller, two buyers, and a key for each.
    struct Market {
        whole: Whole,
        calls: Client,
        keys: Vec<String>,
        accounts: Vec<String>,
        campaign: String,
    }

    impl Market {
        async fn new(kind: Kind) -> Self {
            let whole = Whole::start(kind, managers::ALL, tandem::bridge::sidecar, SETTINGS).await;
            let named = |name: &str| {
                let mut managers = whole.managers.iter();
                let manager = managers.find(|manager| manager.name.starts_with(name));
                whole.client(manager.unwrap())
            };
            let dids = named("did-manager");
            let customer = json!({"name": "exchange"});
            let customer = dids.ok(Post, "/v1/customers", Some(customer)).await;
            let customer_id = id(&customer).parse().unwrap();
            let (dids, calls) = (
                dids.within(customer_id),
                named("call-manager").within(customer_id),
            );
            let (mut keys, mut accounts) = (Vec::new(), Vec::new());
            for (kind, scope) in [
                ("seller", "exchange:sell"),
                ("buyer", "exchange:buy"),
                ("buyer", "exchange:buy"),
            ] {
                let body = json!({"type": kind, "name": kind, "status": "active"});
                let account = id(&calls.ok(Post, "/v1/accounts", Some(body)).await);
                if kind == "buyer" {
                    let uri = format!("/v1/accounts/{account}/deposits");
                    let money = json!({"amount": 10_000, "currency": "USD"});
                    calls.ok(Post, &uri, Some(money)).await;
                }
                let body = json!({"name": kind, "scopes": [scope], "account_id": account});
                let key = dids.ok(Post, "/v1/accesskeys", Some(body)).await;
                keys.push(key["token"].as_str().unwrap().to_owned());
                accounts.push(account);
            }
            let body = json!({
                "name": "leads", "seller_id": accounts[0], "numbers": [NUMBER], "payout": 300,
                "auction": {"form": "first_price", "reserve": 100, "increment": 1,
                            "window_ms": 60_000, "soft_close_ms": 0},
            });
            let campaign = id(&calls.ok(Post, "/v1/call_campaigns", Some(body)).await);
            Self {
                whole,
                calls,
                keys,
                accounts,
                campaign,
            }
        }

        async fn profile(&self, buyer: usize, amount: i64) -> String {
            let body = json!({
                "buyer_id": self.accounts[buyer], "call_campaign_id": self.campaign,
                "amount": amount, "destination": "+14155550199",
            });
            id(&self.calls.ok(Post, "/v1/bid_profiles", Some(body)).await)
        }
    }

    #[rstest]
    #[tokio::test(flavor = "multi_thread")]
    async fn accounts_follow_their_own_part_and_bid(
        #[values(Kind::Embedded, Kind::Full)] kind: Kind,
    ) {
        let market = Market::new(kind).await;
        let whole = &market.whole;
        let profile = market.profile(1, 200).await;
        market.profile(2, 150).await;
        let mut seller = Socket::follow(whole, &market.keys[0], &["calls", "auctions"]).await;
        let scopes = ["calls", "auctions", "bids"];
        let mut buyer = Socket::follow(whole, &market.keys[1], &scopes).await;
        let mut rival = Socket::follow(whole, &market.keys[2], &scopes).await;
        let mut operator = Socket::follow(whole, BRIDGE_KEY, &["calls"]).await;
        let refused = seller.ask(&json!({"op": "sub", "scope": "bids"})).await;
        assert_eq!(refused["code"], "SCOPE_REQUIRED", "{refused}");

        let call = json!({"call_campaign_id": market.campaign, "from_number": CALLER, "to_number": NUMBER});
        let call = id(&market.calls.ok(Post, "/v1/calls", Some(call)).await);
        let auction = json!({"call_id": call});
        let auction = id(&market.calls.ok(Post, "/v1/auctions", Some(auction)).await);
        let began = buyer.up_to(&["auction_started"]).await;
        assert_eq!(data(&began, "auction_started")["id"], json!(auction));

        // A bid over the socket: twice under one word it is one bid.
        let bid = json!({
            "op": "bid", "ref": "mine", "auction_id": auction, "amount": 900, "currency": "USD",
            "destination": "+14155550198",
        });
        let mut placed = BTreeSet::new();
        for _ in 0..2 {
            buyer.text(&bid.to_string()).await;
            let ack = loop {
                let next = buyer.next().await;
                if next["op"] != "ev" {
                    break next;
                }
            };
            assert_eq!(
                (&ack["op"], &ack["ref"], &ack["amount"], &ack["buyer_id"]),
                (
                    &json!("ack"),
                    &json!("mine"),
                    &json!(900),
                    &json!(market.accounts[1])
                ),
                "{ack}"
            );
            placed.insert(id(&ack));
        }
        assert_eq!(placed.len(), 1, "one bid");
        for (frame, code) in [
            (
                json!({"op": "bid", "ref": "low", "auction_id": auction, "amount": 1, "currency": "USD"}),
                "BID_TOO_LOW",
            ),
            (
                json!({"op": "bid", "ref": "euro", "auction_id": auction, "amount": 900, "currency": "EUR"}),
                "CURRENCY_MISMATCH",
            ),
            (
                json!({"op": "bid", "ref": "odd", "auction_id": "../calls", "amount": 900}),
                "INVALID_FRAME",
            ),
            (
                json!({"op": "bid", "ref": "other", "auction_id": auction, "buyer_id": market.accounts[2],
                    "amount": 900, "currency": "USD"}),
                "ACCOUNT_MISMATCH",
            ),
        ] {
            buyer.text(&frame.to_string()).await;
            let refused = loop {
                let next = buyer.next().await;
                if next["op"] == "err" {
                    break next;
                }
            };
            assert_eq!(
                (&refused["code"], &refused["ref"]),
                (&json!(code), &frame["ref"])
            );
        }
        let frame = json!({"op": "bid", "auction_id": auction, "amount": 1, "currency": "USD"});
        let refused = timeout(PATIENCE, seller.ask(&frame)).await.unwrap();
        let refused = if refused["op"] == "ev" {
            seller.up_to_err().await
        } else {
            refused
        };
        assert_eq!(refused["code"], "SCOPE_REQUIRED", "{refused}");

        let close = format!("/v1/auctions/{auction}/close");
        market.calls.ok(Post, &close, None).await;
        let seen_by_operator = operator.up_to(&["call_routed"]).await;
        let whole_call = data(&seen_by_operator, "call_routed");
        assert_eq!(
            (&whole_call["price"], &whole_call["payout"]),
            (&json!(900), &json!(300))
        );
        let ends = ["call_routed", "auction_closed"];
        let seen_by_seller = seller.up_to(&ends).await;
        let of_seller = data(&seen_by_seller, "call_routed");
        assert_eq!(
            (
                &of_seller["price"],
                &of_seller["buyer_id"],
                &of_seller["payout"]
            ),
            (&Json::Null, &Json::Null, &json!(300))
        );
        let seen_by_buyer = buyer.up_to(&ends).await;
        let of_buyer = data(&seen_by_buyer, "call_routed");
        assert_eq!(
            (&of_buyer["price"], &of_buyer["payout"]),
            (&json!(900), &Json::Null)
        );
        let seen_by_rival = rival.up_to(&["bid_lost", "auction_closed"]).await;
        let text = |frames: &[Json]| json!(frames).to_string();
        let (own, other) = (&market.accounts[1], &market.accounts[2]);
        assert!(
            !text(&seen_by_buyer).contains(other.as_str()),
            "a buyer sees no rival"
        );
        assert!(
            !text(&seen_by_rival).contains(own.as_str()),
            "a rival sees no winner"
        );
        assert!(
            !text(&seen_by_rival).contains("call_routed"),
            "nor the call"
        );
        for account in [own, other] {
            assert!(
                !text(&seen_by_seller).contains(account.as_str()),
                "a seller sees no buyer"
            );
        }
        for frame in &seen_by_seller {
            assert!(frame["data"]["price"].is_null(), "nor the price: {frame}");
        }
        market
            .calls
            .ok(Delete, &format!("/v1/bid_profiles/{profile}"), None)
            .await;
        market.whole.end().await;
    }

    impl Socket {
        async fn up_to_err(&mut self) -> Json {
            loop {
                let next = self.next().await;
                if next["op"] == "err" {
                    return next;
                }
            }
        }
    }

    fn request(method: &str, call: &str, more: &str) -> String {
        format!(
            "{method} sip:{NUMBER}@sip.example SIP/2.0\r\n\
             Via: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK{call};rport\r\nMax-Forwards: 70\r\n\
             From: <sip:{CALLER}@sip.example>;tag=a\r\nTo: <sip:{NUMBER}@sip.example>\r\n\
             Call-ID: {call}\r\nCSeq: 1 {method}\r\n\
             Contact: <sip:phone@df7jal23ls0d.invalid;transport=ws>\r\n{more}Content-Length: 0\r\n\r\n"
        )
    }

    fn code(message: &str) -> u16 {
        message.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The answer to a challenge (RFC 7616), by SHA-256.
    fn authorization(challenge: &str, count: u32) -> String {
        let line = challenge
            .lines()
            .find(|line| line.contains("algorithm=SHA-256"))
            .unwrap();
        let nonce = line
            .split("nonce=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let hash = |text: &str| hex(&Sha256::digest(text.as_bytes()));
        let uri = format!("sip:{NUMBER}@sip.example");
        let own = hash("phone:tandem:correct horse");
        let what = hash(&format!("INVITE:{uri}"));
        let response = hash(&format!("{own}:{nonce}:{count:08x}:c:auth:{what}"));
        format!(
            "Authorization: Digest username=\"phone\", realm=\"tandem\", nonce=\"{nonce}\", uri=\"{uri}\", \
             response=\"{response}\", algorithm=SHA-256, qop=auth, nc={count:08x}, cnonce=\"c\"\r\n"
        )
    }

    #[rstest]
    #[tokio::test(flavor = "multi_thread")]
    async fn a_softphone_in_a_browser_is_redirected(
        #[values(Kind::Embedded, Kind::Full)] kind: Kind,
    ) {
        let market = Market::new(kind).await;
        market.profile(1, 200).await;
        let whole = &market.whole;
        let without = Socket::open(whole, "/ws/v1/sip", &[]).await;
        assert!(without.is_none(), "the subprotocol must be spoken");
        let speaks = ("sec-websocket-protocol", "sip");
        let strange = [speaks, ("origin", "https://evil.example")];
        assert!(Socket::open(whole, "/ws/v1/sip", &strange).await.is_none());

        let mut phone = Socket::open(whole, "/ws/v1/sip", &[speaks]).await.unwrap();
        phone.text("\r\n\r\n").await;
        phone.text("no SIP at all").await;
        phone.text(&request("OPTIONS", "zero", "")).await;
        let options = phone.heard().await;
        assert_eq!(code(&options), 200, "{options}");
        assert!(
            options.contains(
                "SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bKzero;rport;received=127.0.0.1"
            ),
            "{options}"
        );

        phone.text(&request("INVITE", "one", "")).await;
        let asked = phone.heard().await;
        assert_eq!(code(&asked), 401, "{asked}");
        phone.text(&request("ACK", "one", "")).await;
        phone
            .text(&request("INVITE", "two", &authorization(&asked, 1)))
            .await;
        let moved = phone.heard().await;
        assert_eq!(code(&moved), 302, "{moved}");
        assert!(
            moved.contains("Contact: <sip:+14155550199@sip.example;user=phone>"),
            "{moved}"
        );
        phone.text(&request("ACK", "two", "")).await;
        // A digest that was recorded opens nothing, and what is over cannot be cancelled.
        phone
            .text(&request("INVITE", "three", &authorization(&asked, 1)))
            .await;
        let again = phone.heard().await;
        assert!(
            code(&again) == 401 && again.contains("stale=true"),
            "{again}"
        );
        phone.text(&request("BYE", "two", "")).await;
        assert_eq!(code(&phone.heard().await), 481);
        phone.text(&request("REGISTER", "four", "")).await;
        assert_eq!(code(&phone.heard().await), 405);

        let uri = format!("/v1/accounts/{}", market.accounts[1]);
        until("the hold is there", async || {
            let account = market
                .calls
                .ok(bin_common_handler::models::sock::Method::Get, &uri, None)
                .await;
            (account["held"] == 200).then_some(())
        })
        .await;
        market.whole.end().await;
    }
}
