//! The carrier itself: a test double that is wrong proves nothing.

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
    use bin_common_handler::{
        httphandler::{HttpClient, HttpFault, HttpRequest, HttpResponse, Method},
        metrics::Metrics,
    };
    use provider_stand_in::{Delivery, Fault, Hooks, Provider, Route};
    use rstest::rstest;
    use serde_json::Value as Json;

    const OWN: &str = "+14155550100";
    const PERSON: &str = "+14155550123";

    struct World {
        provider: Provider,
        http: HttpClient,
    }

    impl World {
        async fn new() -> Self {
            let provider = Provider::start().await.unwrap();
            provider.own(OWN, &Hooks::default());
            let http = HttpClient::new(Metrics::new().unwrap(), true).unwrap();
            Self { provider, http }
        }

        async fn ask(
            &self,
            method: Method,
            path: &str,
            body: &str,
        ) -> Result<HttpResponse, HttpFault> {
            let account = self.provider.account();
            let shown = BASE64.encode(format!("{}:{}", account.sid, account.token));
            let base = self.provider.url();
            let url = match path.strip_prefix('/') {
                Some(rest) => format!("{base}/{rest}"),
                None => format!("{base}/2010-04-01/Accounts/{}/{path}", account.sid),
            };
            let request = HttpRequest::new(method, url)
                .header("authorization", &format!("Basic {shown}"))?
                .body("application/x-www-form-urlencoded", body.to_owned())
                .within(Duration::from_millis(500));
            self.http.send(&request).await
        }

        async fn told(&self, method: Method, path: &str, body: &str) -> (u16, Json) {
            let answer = self.ask(method, path, body).await.unwrap();
            let body = answer.json().unwrap_or_default();
            (answer.status.as_u16(), body)
        }

        async fn send(&self, to: &str) -> (u16, Json) {
            let body = format!(
                "To={}&From=%2B14155550100&Body=hello",
                to.replace('+', "%2B")
            );
            self.told(Method::POST, "Messages.json", &body).await
        }
    }

    #[tokio::test]
    async fn a_text_is_taken_listed_and_reported() {
        let world = World::new().await;
        let (status, told) = world.send(PERSON).await;
        assert_eq!((status, &*told["status"].to_string()), (201, "\"queued\""));
        world.provider.settle().await;
        let path = "Messages.json?To=%2B14155550123&PageSize=5";
        let (_, listed) = world.told(Method::GET, path, "").await;
        assert_eq!(listed["messages"][0]["sid"], told["sid"]);
        assert_eq!(listed["messages"][0]["status"], "delivered");
        let (_, none) = world
            .told(Method::GET, "Messages.json?To=%2B14155550124", "")
            .await;
        assert_eq!(none["messages"], serde_json::json!([]));
    }

    #[rstest]
    #[case("To=%2B14155550123&From=%2B14155559999&Body=x", 21606)]
    #[case("To=12&From=%2B14155550100&Body=x", 21211)]
    #[case("From=%2B14155550100&Body=x", 21604)]
    #[case("To=%2B14155550123&From=%2B14155550100", 21602)]
    #[tokio::test]
    async fn a_text_that_no_carrier_would_take_is_refused(#[case] body: &str, #[case] code: u32) {
        let world = World::new().await;
        let (status, told) = world.told(Method::POST, "Messages.json", body).await;
        assert_eq!((status, told["code"].as_u64()), (400, Some(code.into())));
        assert_eq!(world.provider.messages(), []);
    }

    #[tokio::test]
    async fn a_fault_is_met_once_and_an_accepted_text_stays() {
        let world = World::new().await;
        world.provider.fail(Route::Send, Fault::Status(429), 1);
        assert_eq!(world.send(PERSON).await.0, 429);
        world.provider.fail(Route::Send, Fault::AcceptThenDrop, 1);
        let body = "To=%2B14155550123&From=%2B14155550100&Body=x";
        let lost = world.ask(Method::POST, "Messages.json", body).await;
        assert_eq!(lost.unwrap_err(), HttpFault::Unreachable);
        world.provider.fail(Route::Send, Fault::Hang, 1);
        let late = world.ask(Method::POST, "Messages.json", body).await;
        assert_eq!(late.unwrap_err(), HttpFault::Late);
        assert_eq!(world.provider.texts_to(PERSON).len(), 1);
        assert_eq!(world.provider.requests(Route::Send), 3);
    }

    #[tokio::test]
    async fn a_stranger_is_refused() {
        let world = World::new().await;
        let base = world.provider.url();
        let sid = world.provider.account().sid;
        let request = HttpRequest::new(
            Method::GET,
            format!("{base}/2010-04-01/Accounts/{sid}/Messages.json"),
        );
        let answer = world.http.send(&request).await.unwrap();
        assert_eq!(answer.status.as_u16(), 401);
    }

    #[tokio::test]
    async fn a_number_is_found_bought_set_up_and_given_back() {
        let world = World::new().await;
        let search = "AvailablePhoneNumbers/US/Local.json?AreaCode=303&Contains=1*7";
        let (_, offers) = world.told(Method::GET, search, "").await;
        assert_eq!(
            offers["available_phone_numbers"][0]["phone_number"],
            "+13035550107"
        );
        let buy = "PhoneNumber=%2B13035550107&VoiceUrl=http%3A%2F%2Fh%2Fv";
        let (status, number) = world
            .told(Method::POST, "IncomingPhoneNumbers.json", buy)
            .await;
        assert_eq!(
            (status, &number["voice_url"]),
            (201, &Json::from("http://h/v"))
        );
        let (again, refused) = world
            .told(Method::POST, "IncomingPhoneNumbers.json", buy)
            .await;
        assert_eq!((again, &refused["code"]), (400, &Json::from(21422)));
        let one = format!(
            "IncomingPhoneNumbers/{}.json",
            number["sid"].as_str().unwrap()
        );
        let (_, changed) = world
            .told(Method::POST, &one, "SmsUrl=http%3A%2F%2Fh%2Fs")
            .await;
        assert_eq!(changed["sms_url"], "http://h/s");
        assert_eq!(world.told(Method::DELETE, &one, "").await.0, 204);
        let owned = "IncomingPhoneNumbers.json?PhoneNumber=%2B13035550107";
        let (_, gone) = world.told(Method::GET, owned, "").await;
        assert_eq!(gone["incoming_phone_numbers"], serde_json::json!([]));
    }

    #[tokio::test]
    async fn a_messaging_service_has_numbers_and_a_campaign() {
        let world = World::new().await;
        let (_, service) = world
            .told(Method::POST, "/v1/Services", "FriendlyName=x")
            .await;
        let sid = service["sid"].as_str().unwrap().to_owned();
        let number = world.provider.numbers()[0].sid.clone();
        let numbers = format!("/v1/Services/{sid}/PhoneNumbers");
        let body = format!("PhoneNumberSid={number}");
        assert_eq!(world.told(Method::POST, &numbers, &body).await.0, 200);
        let campaign = format!("/v1/Services/{sid}/Compliance/Usa2p");
        assert_eq!(
            world.told(Method::GET, &campaign, "").await.1["compliance"],
            serde_json::json!([])
        );
        assert_eq!(world.told(Method::POST, &campaign, "").await.0, 400);
        let body = "BrandRegistrationSid=BN1&Description=d&MessageFlow=m&MessageSamples=s&UsAppToPersonUsecase=MIXED";
        let (_, filed) = world.told(Method::POST, &campaign, body).await;
        assert_eq!(filed["campaign_status"], "PENDING");
        world.provider.decide_campaign(&sid, "VERIFIED");
        let (_, known) = world.told(Method::GET, &campaign, "").await;
        assert_eq!(known["compliance"][0]["campaign_status"], "VERIFIED");
        let body = format!("To=%2B14155550123&MessagingServiceSid={sid}&Body=x");
        let (_, text) = world.told(Method::POST, "Messages.json", &body).await;
        assert_eq!(
            (&text["status"], &text["from"]),
            (&Json::from("accepted"), &Json::Null)
        );
        world.provider.settle().await;
        assert_eq!(world.provider.messages()[0].from, OWN);
    }

    #[tokio::test]
    async fn what_is_reported_is_what_was_wanted() {
        let world = World::new().await;
        let delivery = Delivery {
            error_code: Some(30006),
            ..Delivery::of(&["sent", "undelivered"])
        };
        world.provider.deliver(delivery);
        world.send(PERSON).await;
        world.provider.settle().await;
        let text = &world.provider.texts_to(PERSON)[0];
        assert_eq!(
            (&*text.status, text.error_code),
            ("undelivered", Some(30006))
        );
    }
}
