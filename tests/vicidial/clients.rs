//! What each public program sends, and that it finds in the answer what it looks for.

use regex::Regex;
use rstest::rstest;
use serde_json::{Value, json};

use crate::whole::{NUMBERS, Tandem, http};

const NEXT: &str = "/api/v1/dids/next";
const OLDER: &str = "/api/v1/vicidial/next-did";

/// How a program takes the number out of an answer.
#[derive(Clone, Copy)]
enum Looks {
    /// The first of these places of the JSON that has a text.
    Json(&'static [&'static str]),
    /// By a pattern, which must match once; the group is the number.
    Pattern(&'static str),
}

use Looks::{Json, Pattern};

const AGI_4: Looks = Json(&["/did/number", "/data/phoneNumber"]);
const CONFIG_PL: Looks = Json(&[
    "/did/number",
    "/did/phoneNumber",
    "/data/number",
    "/data/phoneNumber",
]);
const AUTODETECT: Looks = Json(&["/selected_did", "/did"]);
const OLDER_PL: Looks = Json(&["/data/phoneNumber"]);

#[rstest]
#[case::agi_4(
    NEXT,
    "campaign_id=SALES&agent_id=0&dialed_number=914155559870&dialed_area_code=415&customer_phone=4155559870&customer_state=CA&customer_zip=94105&customer_city=San%20Francisco&lead_id=1&list_id=101&called_count=1&hopper_priority=0",
    AGI_4
)]
#[case::agi_4_private(
    NEXT,
    "campaign_id=SALES&agent_id=0&customer_state=CA&customer_area_code=415&lead_hash=ab12",
    AGI_4
)]
#[case::agi_3(
    NEXT,
    "campaign_id=SALES&agent_id=0&customer_phone=4155559871&vendor_lead_code=7&uniqueid=1795000000.3&dialed_exchange=555",
    AGI_4
)]
#[case::config_pl(
    NEXT,
    "campaign_id=SALES&agent_id=1001&customer_phone=4155559872",
    CONFIG_PL
)]
#[case::config_pl_older(
    OLDER,
    "campaign_id=SALES&agent_id=1001&customer_phone=4155559873",
    CONFIG_PL
)]
#[case::autodetect(
    NEXT,
    "campaign_id=SALES&agent_id=0&customer_phone=+14155559874&customer_state=&customer_zip=",
    AUTODETECT
)]
#[case::autodetect_older(
    OLDER,
    "campaign_id=SALES&agent_id=0&customer_phone=+14155559875&customer_state=&customer_zip=",
    AUTODETECT
)]
#[case::older_pl(
    OLDER,
    "campaign_id=SALES&agent_id=7&latitude=37.7&longitude=-122.4&state=CA&area_code=415",
    OLDER_PL
)]
#[case::older_pl_on_next(
    NEXT,
    "campaign_id=DEFAULT&agent_id=7&latitude=37.7&longitude=-122.4&state=CA&area_code=415",
    OLDER_PL
)]
#[case::agi_on_older(
    OLDER,
    "campaign_id=UNKNOWN&agent_id=0&customer_phone=914155559876",
    AGI_4
)]
#[case::by_pattern(
    OLDER,
    "campaign_id=SALES&agent_id=7&area_code=415",
    Pattern(r#""phoneNumber":"([^"]*)""#)
)]
#[case::quick_test(
    NEXT,
    "campaign_id=TEST&agent_id=0&customer_phone=4155559877",
    Pattern(r#""selectedDID":"([^"]*)""#)
)]
#[case::quick_test_older(
    OLDER,
    "campaign_id=TEST&agent_id=0&customer_phone=4155559878",
    Pattern(r#""selectedDID":"([^"]*)""#)
)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_finds_the_number(#[case] path: &str, #[case] query: &str, #[case] looks: Looks) {
    let tandem = Tandem::start().await;
    let line = format!("GET {path}?{query}");
    let (status, text) = http(tandem.at, &line, &tandem.dialer, "");
    assert_eq!(status, 200, "{text}");
    assert_eq!(text.matches("\"success\":true").count(), 1, "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    let number = match looks {
        Json(places) => {
            let mut texts = places.iter().filter_map(|place| answer.pointer(place));
            texts.find_map(Value::as_str).unwrap().to_owned()
        }
        Pattern(pattern) => {
            let pattern = Regex::new(pattern).unwrap();
            let found: Vec<_> = pattern.captures_iter(&text).collect();
            assert_eq!(found.len(), 1, "{text}");
            found[0][1].to_owned()
        }
    };
    assert!(NUMBERS.contains(&number.as_str()), "{text}");
    for place in [
        "/data/algorithm",
        "/data/didId",
        "/data/id",
        "/data/campaign_id",
        "/data/agent_id",
        "/data/selectedAt",
    ] {
        assert!(
            answer.pointer(place).is_some_and(Value::is_string),
            "{place}: {text}"
        );
    }
    for place in [
        "todayUsage",
        "dailyLimit",
        "totalCalls",
        "state",
        "areaCode",
    ] {
        assert!(
            answer.pointer(&format!("/data/metadata/{place}")).is_some(),
            "{place}: {text}"
        );
    }
    assert!(
        answer.pointer("/data/location/distance").is_some(),
        "{text}"
    );
    assert_eq!(tandem.usages().len(), 1);
    tandem.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_sees_that_the_service_is_there_and_that_a_report_was_taken() {
    let tandem = Tandem::start().await;
    for path in [
        "/api/v1/vicidial/health",
        "/api/v1/health",
        "/api/health",
        "/health",
    ] {
        let (status, text) = http(tandem.at, &format!("GET {path}"), "", "");
        assert_eq!(status, 200, "{path}");
        assert!(text.contains("\"success\":true"), "{path}: {text}");
    }
    let reports = [
        (
            "/api/v1/calls/report",
            json!({"uniqueid": "1.1", "customer_phone": "4155559876", "call_result": "ANSWER", "campaign_id": "S"}),
        ),
        (
            "/api/v1/call-results",
            json!({"uniqueid": "1.1", "campaignId": "S", "phoneNumber": "4155559876", "disposition": "NI"}),
        ),
        (
            "/api/v1/vicidial/call-result",
            json!({"phoneNumber": NUMBERS[0], "campaign_id": "S", "agent_id": "7", "result": "answered"}),
        ),
    ];
    let rate = Regex::new(r#""answerRate":"[0-9.]+%""#).unwrap();
    for (path, body) in reports {
        let (status, text) = http(
            tandem.at,
            &format!("POST {path}"),
            &tandem.dialer,
            &body.to_string(),
        );
        assert_eq!(status, 200, "{path}: {text}");
        assert!(text.contains("\"success\":true"), "{path}: {text}");
        let has_rate = rate.is_match(&text);
        assert_eq!(has_rate, path.ends_with("/call-result"), "{path}: {text}");
    }
    let (status, text) = http(
        tandem.at,
        "POST /api/v1/call-results",
        &tandem.dialer,
        r#"{"phoneNumber":"1"}"#,
    );
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("\"success\":false"), "{text}");
    for (key, said) in [("", "API key required"), ("did_0", "Invalid API key")] {
        let (status, text) = http(tandem.at, &format!("GET {NEXT}"), key, "");
        assert_eq!(status, 401);
        assert!(
            text.contains(said) && text.contains("\"success\":false"),
            "{text}"
        );
    }
    tandem.end().await;
}
