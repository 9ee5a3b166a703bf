//! What two replies have in common when only the value that was asked with differs.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// Ids and tokens that were drawn, times, and counts that go on with each request.
static DRAWN: LazyLock<Regex> = LazyLock::new(|| {
    let id = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
    let time = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z";
    let token = "did_[0-9a-f]{8,64}";
    let secret = "[0-9A-Za-z_-]{43}";
    let widget = "wgt_[0-9a-f]{32}";
    // Of webhooks: base64.
    let shared = "whsec_[0-9A-Za-z+/=]+";
    // A JSON Web Token (RFC 7519).
    let session = r"eyJ[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]+){2}";
    // Of a file's link, which is good until some second.
    let link = r"expires=\d+&signature=[0-9a-f]+";
    Regex::new(&format!(
        "{id}|{time}|{token}|{widget}|{shared}|{session}|{link}|\"{secret}\""
    ))
    .unwrap()
});
/// The rate of a number that has no calls, as another's must look, is not among them.
static COUNTED: LazyLock<Regex> = LazyLock::new(|| {
    let count = "todayUsage|totalCalls|calls_today|calls_this_hour|calls_total|timestamp|balance|sequence|version";
    let rate = r#""[1-9]\d*\.\d\d%""#;
    Regex::new(&format!(r#""(?:({count})":[^,}}]+|(answerRate)":{rate})"#)).unwrap()
});

/// What stands behind a manager's name in a test; some replies are given under the name without it.
static RENAMED: LazyLock<Regex> = LazyLock::new(|| Regex::new("-manager-[0-9a-f]{32}").unwrap());

/// `text`, with `asked` and whatever differs from one request to the next made alike.
pub fn normal(text: &str, asked: &str) -> String {
    let text = text.replace(asked, "(asked)");
    let digits = asked.trim_start_matches('+');
    let text = text.replace(digits, "(asked)");
    // What did-manager keeps of a caller's number.
    let last4 = digits
        .get(digits.len().saturating_sub(4)..)
        .unwrap_or(digits);
    let text = text.replace(&format!(r#""phone_last4":"{last4}""#), "(asked)");
    let text = RENAMED.replace_all(&text, "-manager");
    let text = DRAWN.replace_all(&text, "(drawn)");
    let counted = |found: &Captures<'_>| {
        let name = found
            .get(1)
            .or(found.get(2))
            .map_or("", |name| name.as_str());
        format!(r#""{name}":0"#)
    };
    COUNTED.replace_all(&text, counted).into_owned()
}

#[test]
fn only_what_is_drawn_or_counted_is_made_alike() {
    let text = |id: &str, count: u8| {
        format!(
            r#"{{"id":"{id}","number":"+14152000001","calls_today":{count},"weight":7,"asked":"14152000009"}}"#
        )
    };
    let one = text("5b1a0000-0000-4000-8000-000000000001", 1);
    let other = text("5b1a0000-0000-4000-8000-000000000002", 2);
    assert_eq!(normal(&one, "x"), normal(&other, "x"));
    assert_ne!(
        normal(&one, "x"),
        normal(&one.replace("1\",\"calls", "2\",\"calls"), "x")
    );
    assert_ne!(normal(&one, "x"), normal(&one.replace(":7", ":8"), "x"));
    assert!(normal(&one, "+14152000009").contains("(asked)"));
    let rated = |rate| normal(&format!(r#"{{"answerRate":"{rate}%"}}"#), "x");
    assert_eq!(rated("16.67"), rated("100.00"));
    assert_ne!(rated("16.67"), rated("0.00"));
}
