//! Calls at a business's number, from the carrier's webhook to the event of a missed call: through the bridge, did-manager
//! and call-manager, on the embedded default and over the real services with two processes.

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bin_common_handler::{
        databasehandler::Id,
        models::sock::Method::{Delete, Get, Post, Put},
        testing::{Client, Kind, Sink, Whole, until},
    };
    use provider_stand_in::{Answer, Call, Hook, Hooks, Provider};
    use rstest::rstest;
    use serde_json::{Value as Json, json};
    use tandem::managers;

    const PUBLIC: &str = "https://voice.example.com";
    const NUMBER: &str = "+14155550100";
    const TARGET: &str = "+14155550199";
    const CALLER: &str = "+14155550123";
    const REJECT: &str = "<Response><Reject/></Response>";

    /// Everything, one business with a number, and its carrier.
    struct Town {
        whole: Whole,
        carrier: Provider,
        dids: Client,
        calls: Client,
        events: Sink,
        number: String,
        provider: String,
    }

    impl Town {
        async fn new(kind: Kind, settings: &[(&'static str, &'static str)]) -> Self {
            let carrier = Provider::start().await.unwrap();
            let settings = [
                settings,
                &[
                    ("PUBLIC_URL", PUBLIC),
                    ("ALLOW_PRIVATE_ENDPOINTS", "true"),
                    ("SECRETS_KEY", "0123456789abcdef0123456789abcdef"),
                    ("RATE_LIMIT_PER_SECOND", "0"),
                ],
            ]
            .concat();
            let bridge = tandem::bridge::sidecar;
            let mut whole = Whole::start(kind, managers::ALL, bridge, &settings).await;
            if kind == Kind::Full {
                whole.join().await;
            }
            let named = |name: &str| {
                let mut managers = whole.managers.iter();
                let manager = managers.find(|manager| manager.name.starts_with(name));
                whole.client(manager.unwrap())
            };
            let (dids, calls) = (named("did-manager"), named("call-manager"));
            let business = json!({"name": "Acme & Sons"});
            let business = dids.ok(Post, "/v1/customers", Some(business)).await;
            let id = business["id"].as_str().unwrap().parse().unwrap();
            let (dids, calls) = (dids.within(id), calls.within(id));
            let account = carrier.account();
            let provider = json!({"account_id": account.sid, "secret": account.token});
            let provider = dids.ok(Post, "/v1/providers", Some(provider)).await;
            let number = json!({
                "number": NUMBER, "forward_target": TARGET, "provider_id": provider["id"],
            });
            let number = dids.ok(Post, "/v1/phone_numbers", Some(number)).await;
            carrier.reach(PUBLIC, whole.bridge);
            carrier.own(NUMBER, &hooks());
            Self {
                events: calls.events().await,
                number: number["id"].as_str().unwrap().to_owned(),
                provider: provider["id"].as_str().unwrap().to_owned(),
                whole,
                carrier,
                dids,
                calls,
            }
        }

        fn chat(&self) -> Client {
            let mut managers = self.whole.managers.iter();
            let chat = managers.find(|manager| manager.name.starts_with("chat-manager"));
            let mut chat = self.whole.client(chat.unwrap());
            chat.customer_id = self.dids.customer_id;
            chat
        }

        /// Texts may leave from the number.
        async fn register(&self) {
            let uri = format!("/v1/phone_numbers/{}", self.number);
            let body = Some(json!({"campaign_status": "approved"}));
            self.dids.ok(Put, &uri, body).await;
        }

        async fn call(&self) -> Call {
            let call = self.carrier.call(CALLER, NUMBER).await.unwrap();
            assert_eq!(call.answer.status, 200, "{}", call.answer.body);
            call
        }

        /// The one call that there is.
        async fn row(&self) -> Json {
            let rows = self.calls.ok(Get, "/v1/inbound_calls", None).await;
            assert_eq!(rows.as_array().unwrap().len(), 1, "{rows}");
            rows[0].clone()
        }

        async fn wait_for(&self, status: &str) -> Json {
            until(status, async || {
                let row = self.row().await;
                (row["status"] == status).then_some(row)
            })
            .await
        }

        /// What was told of missed calls, when the next event of another kind had time to come.
        async fn missed(&self, count: usize) -> Vec<Json> {
            self.events.wait_for(count).await;
            tokio::time::sleep(Duration::from_millis(100)).await;
            let heard = self.events.heard();
            let missed = heard
                .iter()
                .filter(|event| event.event.kind == "call_missed");
            let data = missed.map(|event| {
                let data = event.event.data.as_ref().unwrap();
                serde_json::from_str(data.get()).unwrap()
            });
            data.collect()
        }

        /// Sends a webhook five times at once.
        async fn five_times(&self, hook: &Hook) -> Vec<Answer> {
            let sent = (0..5).map(|_| self.carrier.send(hook));
            let answers = futures_util::future::join_all(sent).await;
            answers.into_iter().map(|answer| answer.unwrap()).collect()
        }

        async fn end(self) {
            drop(self.events);
            self.whole.end().await;
            self.carrier.stop().await;
        }
    }

    fn hooks() -> Hooks {
        let at = |what: &str| format!("{PUBLIC}/v1/webhooks/twilio/{what}");
        Hooks {
            voice_url: at("voice"),
            status_callback: at("status"),
            sms_url: at("sms"),
        }
    }

    #[rstest]
    #[tokio::test]
    async fn a_call_is_put_through_and_a_miss_is_told_once(
        #[values(Kind::Embedded, Kind::Full)] kind: Kind,
    ) {
        let town = Town::new(kind, &[]).await;
        let call = town.call().await;
        let row = town.row().await;
        let action = format!(
            "{PUBLIC}/v1/webhooks/twilio/dialed?call_id={}",
            row["id"].as_str().unwrap()
        );
        let expected = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Dial timeout=\"20\" action=\"{action}\" \
             method=\"POST\" answerOnBridge=\"true\"><Number>{TARGET}</Number></Dial></Response>"
        );
        assert_eq!(call.answer.body, expected);
        assert_eq!(row["status"], "ringing");
        let told = town.carrier.end(&call, "no-answer").await.unwrap();
        assert!(told.body.contains("<Say>"), "{}", told.body);
        let missed = town.missed(1).await;
        let row = town.row().await;
        let expected = json!({
            "call_id": row["id"], "customer_id": row["customer_id"], "from": CALLER, "to": NUMBER,
            "reason": "no-answer", "tm_ended": row["tm_ended"],
        });
        assert_eq!(missed, [expected]);
        assert_eq!(
            (&row["status"], &row["reason"]),
            (&json!("missed"), &json!("no-answer"))
        );
        town.end().await;
    }

    #[rstest]
    #[tokio::test]
    async fn five_deliveries_at_once_have_one_effect(
        #[values(Kind::Embedded, Kind::Full)] kind: Kind,
    ) {
        let town = Town::new(kind, &[]).await;
        let hook = town.carrier.voice_hook(CALLER, NUMBER).unwrap();
        let answers = town.five_times(&hook).await;
        assert!(
            answers.iter().all(|answer| answer == &answers[0]),
            "{answers:?}"
        );
        let sid = hook
            .fields
            .iter()
            .find(|(name, _)| *name == "CallSid")
            .unwrap();
        let call = Call {
            sid: sid.1.clone(),
            from: CALLER.to_owned(),
            to: NUMBER.to_owned(),
            answer: answers[0].clone(),
        };
        let dialled = town.carrier.dialled_hook(&call, "busy").unwrap();
        let ended = town.carrier.ended_hook(&call).unwrap();
        let (one, other) = tokio::join!(town.five_times(&dialled), town.five_times(&ended));
        let statuses: Vec<u16> = [one, other].concat().iter().map(|it| it.status).collect();
        assert_eq!(statuses, [200; 10]);
        let missed = town.missed(1).await;
        assert_eq!(missed.len(), 1, "{missed:?}");
        assert_eq!(missed[0]["reason"], "busy");
        town.row().await;
        town.end().await;
    }

    #[rstest]
    #[case("completed", "answered", "")]
    #[case("answered", "answered", "")]
    #[case("busy", "missed", "busy")]
    #[case("failed", "missed", "failed")]
    #[case("canceled", "missed", "canceled")]
    #[tokio::test]
    async fn dialling_tells_and_the_calls_own_status_does_not(
        #[case] dial_status: &str,
        #[case] status: &str,
        #[case] reason: &str,
    ) {
        let town = Town::new(Kind::Embedded, &[]).await;
        let call = town.call().await;
        // The status callback comes first: it says completed, whatever came of dialling.
        let ended = town.carrier.ended_hook(&call).unwrap();
        assert_eq!(town.carrier.send(&ended).await.unwrap().status, 200);
        assert_eq!(town.row().await["status"], "ringing");
        let dialled = town.carrier.dialled_hook(&call, dial_status).unwrap();
        town.carrier.send(&dialled).await.unwrap();
        let row = town.row().await;
        assert_eq!(
            (&row["status"], &row["reason"]),
            (&json!(status), &json!(reason))
        );
        // The net was taken away with the verdict.
        town.whole.parts.clock.shift(120_000_000);
        let missed = if status == "missed" {
            town.missed(1).await
        } else {
            town.missed(0).await
        };
        assert_eq!(missed.len(), usize::from(status == "missed"));
        let heard = town.events.heard();
        let answered = heard
            .iter()
            .filter(|event| event.event.kind == "call_answered");
        assert_eq!(answered.count(), usize::from(status == "answered"));
        town.end().await;
    }

    #[rstest]
    #[tokio::test]
    async fn a_call_that_ended_without_a_verdict_is_missed_after_a_minute(
        #[values(Kind::Embedded, Kind::Full)] kind: Kind,
    ) {
        let town = Town::new(kind, &[]).await;
        let call = town.call().await;
        let ended = town.carrier.ended_hook(&call).unwrap();
        town.carrier.send(&ended).await.unwrap();
        town.whole.parts.clock.shift(55_000_000);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(town.row().await["status"], "ringing");
        town.whole.parts.clock.shift(61_000_000);
        let row = town.wait_for("missed").await;
        assert_eq!(row["reason"], "no-verdict");
        // The action comes after all, and says the opposite: what was told stays.
        let late = town.carrier.dialled_hook(&call, "completed").unwrap();
        town.carrier.send(&late).await.unwrap();
        assert_eq!(town.row().await["status"], "missed");
        assert_eq!(town.missed(1).await.len(), 1);
        town.end().await;
    }

    #[tokio::test]
    async fn a_short_answer_and_a_machine_are_misses_where_that_is_wanted() {
        let short = [("TREAT_SHORT_AS_MISSED_SECONDS", "60")];
        let town = Town::new(Kind::Embedded, &short).await;
        let call = town.call().await;
        let dialled = town.carrier.dialled_hook(&call, "completed").unwrap();
        town.carrier.send(&dialled).await.unwrap();
        assert_eq!(town.row().await["reason"], "too-short");
        town.end().await;
    }

    #[tokio::test]
    async fn who_has_nobody_to_answer_misses_at_once() {
        let town = Town::new(Kind::Embedded, &[]).await;
        let uri = format!("/v1/phone_numbers/{}", town.number);
        let body = Some(json!({"forward_target": ""}));
        town.dids.ok(Put, &uri, body).await;
        let call = town.call().await;
        assert!(call.answer.body.contains("<Say>") && !call.answer.body.contains("<Dial"));
        assert_eq!(town.missed(1).await[0]["reason"], "not-forwarded");
        town.end().await;
    }

    #[rstest]
    #[case::own(false, "<Say>Acme &amp; Sons will text you.</Say>")]
    #[case::deleted(true, "We are sending you a text message.")]
    #[tokio::test]
    async fn who_is_not_put_through_hears_the_businesss_own_words(
        #[case] is_deleted: bool,
        #[case] expected: &str,
    ) {
        let town = Town::new(Kind::Embedded, &[]).await;
        town.register().await;
        let chat = town.chat();
        let words = json!({"name": "voice_missed", "body": "{business_name} will text you."});
        let own = chat.ok(Post, "/v1/templates", Some(words)).await;
        if is_deleted {
            let uri = format!("/v1/templates/{}", own["id"].as_str().unwrap());
            chat.ok(Delete, &uri, None).await;
        }
        let call = town.call().await;
        let told = town.carrier.end(&call, "no-answer").await.unwrap();
        assert!(told.body.contains(expected), "{}", told.body);
        town.end().await;
    }

    #[rstest]
    #[case::not_registered(false, false, false)]
    #[case::suspended(true, true, false)]
    #[case::the_caller_wants_none(true, false, true)]
    #[tokio::test]
    async fn nobody_is_promised_a_text_that_is_not_sent(
        #[case] is_registered: bool,
        #[case] is_suspended: bool,
        #[case] is_opted_out: bool,
    ) {
        let town = Town::new(Kind::Embedded, &[]).await;
        let chat = town.chat();
        let words = json!({"name": "voice_missed", "body": "We will text you."});
        chat.ok(Post, "/v1/templates", Some(words)).await;
        if is_registered {
            town.register().await;
        }
        if is_suspended {
            let operator = Client {
                customer_id: None,
                ..town.dids.clone()
            };
            let uri = format!("/v1/customers/{}", town.dids.customer_id.unwrap());
            let body = Some(json!({"status": "suspended"}));
            operator.ok(Put, &uri, body).await;
        }
        if is_opted_out {
            let body = Some(json!({"number": CALLER}));
            chat.ok(Post, "/v1/optouts", body).await;
        }
        let call = town.call().await;
        let told = town.carrier.end(&call, "no-answer").await.unwrap();
        let is_plain = told.body.contains("Please call again later.");
        assert!(is_plain && !told.body.contains("text"), "{}", told.body);
        town.end().await;
    }

    #[rstest]
    #[tokio::test]
    async fn a_number_of_nobody_is_turned_away_and_leaves_nothing(
        #[values(Kind::Embedded, Kind::Full)] kind: Kind,
    ) {
        let town = Town::new(kind, &[]).await;
        town.carrier.own("+14155550111", &hooks());
        let call = town.carrier.call(CALLER, "+14155550111").await.unwrap();
        assert_eq!(call.answer.status, 200);
        assert!(call.answer.body.ends_with(REJECT), "{}", call.answer.body);
        let ended = town.carrier.ended_hook(&call).unwrap();
        let told = town.carrier.send(&ended).await.unwrap();
        assert!(told.body.ends_with("<Response/>"), "{}", told.body);
        assert_eq!(rows_of(&town.whole, "exchange_inbound_calls").await, 0);
        assert_eq!(rows_of(&town.whole, "exchange_inbox").await, 0);
        town.end().await;
    }

    async fn rows_of(whole: &Whole, table: &str) -> usize {
        let key = if table.ends_with("_inbox") {
            "op_key"
        } else {
            "id"
        };
        let sql = format!("SELECT {key} AS id FROM {table}");
        if table.ends_with("_inbox") {
            #[derive(bin_common_handler::FromRow)]
            struct Key {
                #[expect(dead_code, reason = "only counted")]
                id: Vec<u8>,
            }
            let rows: Vec<Key> = whole.db().fetch_all(&sql, vec![]).await.unwrap();
            return rows.len();
        }
        let rows: Vec<Id> = whole.db().fetch_all(&sql, vec![]).await.unwrap();
        rows.len()
    }

    #[rstest]
    #[tokio::test]
    async fn a_wrong_signature_is_refused_and_leaves_nothing(
        #[values(Kind::Embedded, Kind::Full)] kind: Kind,
    ) {
        let town = Town::new(kind, &[]).await;
        let hook = town.carrier.voice_hook(CALLER, NUMBER).unwrap();
        let before = rows_of(&town.whole, "exchange_inbox").await;
        let forged = town
            .carrier
            .forge(&hook, "RSOYDt4T1cUTdK1PDd93/VVr8B8=")
            .await
            .unwrap();
        assert_eq!(forged.status, 403, "{}", forged.body);
        assert!(!forged.body.contains(CALLER) && !forged.body.contains(NUMBER));
        // Signed, but in the name of another account.
        let other = provider_stand_in::Account {
            sid: "AC2".to_owned(),
            token: town.carrier.account().token,
        };
        town.carrier.add_account(other);
        let other = hook.clone().with("AccountSid", "AC2");
        assert_eq!(town.carrier.send(&other).await.unwrap().status, 403);
        assert_eq!(rows_of(&town.whole, "exchange_inbound_calls").await, 0);
        assert_eq!(rows_of(&town.whole, "exchange_inbox").await, before);
        assert_eq!(town.carrier.send(&hook).await.unwrap().status, 200);
        town.end().await;
    }

    #[tokio::test]
    async fn a_new_secret_counts_and_the_old_one_does_not() {
        let town = Town::new(Kind::Embedded, &[]).await;
        town.call().await;
        let uri = format!("/v1/providers/{}", town.provider);
        let body = Some(json!({"secret": "another-secret-of-the-carrier"}));
        town.dids.ok(Put, &uri, body).await;
        let account = provider_stand_in::Account {
            token: "another-secret-of-the-carrier".to_owned(),
            ..town.carrier.account()
        };
        let old = town.carrier.voice_hook(CALLER, NUMBER).unwrap();
        until("the old secret is refused", async || {
            let answer = town
                .carrier
                .send(&old.clone().with("CallSid", "CA9"))
                .await
                .unwrap();
            (answer.status == 403).then_some(())
        })
        .await;
        town.carrier.add_account(account);
        let answer = town.carrier.send(&old).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        town.end().await;
    }

    #[tokio::test]
    async fn the_bridge_does_not_serve_secrets() {
        let town = Town::new(Kind::Embedded, &[]).await;
        let key = format!("x-api-key: {}", bin_common_handler::testing::BRIDGE_KEY);
        let headers = [&*key, "content-type: application/json"];
        let body = json!({"number": NUMBER}).to_string();
        let line = "POST /api/v1/phone_numbers/resolve";
        let answer =
            bin_common_handler::testing::http(town.whole.bridge, line, &headers, &body).await;
        assert_eq!(answer.unwrap().status, 404);
        town.end().await;
    }

    #[tokio::test]
    async fn where_nobody_can_say_whose_it_is_the_carrier_tries_its_fallback() {
        let exchange: Vec<_> = managers::ALL
            .iter()
            .copied()
            .filter(|manager| manager.name == "call-manager")
            .collect();
        let whole = Whole::start(Kind::Embedded, &exchange, tandem::bridge::sidecar, &[]).await;
        let carrier = Provider::start().await.unwrap();
        carrier.reach(PUBLIC, whole.bridge);
        carrier.own(NUMBER, &hooks());
        let call = carrier.call(CALLER, NUMBER).await.unwrap();
        assert_eq!(call.answer.status, 503, "{}", call.answer.body);
        whole.end().await;
        carrier.stop().await;
    }
}
