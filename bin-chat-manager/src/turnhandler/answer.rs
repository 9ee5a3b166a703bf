//! The model's answer: one JSON object, read leniently, and believed in nothing that matters.

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::words::intake::Urgency;

/// Longest text of one field that is read, in bytes.
const FIELD_MAX: usize = 2_000;

/// What the model says.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Answer {
    pub reply: String,
    pub intent: Intent,
    pub confidence: f64,
    pub needs_human: bool,
    pub urgency: Urgency,
    pub address: String,
    pub service: String,
    /// Which of the free times the person chose, from 1.
    pub slot_choice: Option<usize>,
    /// Prices that it says it tells, in minor units; none for what is no whole number.
    pub prices: Vec<Option<i64>>,
}

impl Answer {
    /// Whether somebody is in danger, as the model sees it.
    pub(super) fn is_emergency(&self) -> bool {
        self.intent == Intent::Emergency || self.urgency == Urgency::Emergency
    }
}

/// What the person wants, as the model sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Intent {
    Book,
    Price,
    Question,
    Reschedule,
    Cancel,
    Emergency,
    OptOut,
    #[default]
    Other,
}

impl Intent {
    pub(super) const ALL: [(Self, &'static str); 8] = [
        (Self::Book, "book"),
        (Self::Price, "price"),
        (Self::Question, "question"),
        (Self::Reschedule, "reschedule"),
        (Self::Cancel, "cancel"),
        (Self::Emergency, "emergency"),
        (Self::OptOut, "opt_out"),
        (Self::Other, "other"),
    ];

    pub(super) fn as_str(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(intent, _)| *intent == self)
            .map_or("other", |(_, word)| word)
    }
}

/// What the model is asked to answer with.
pub(super) fn schema() -> Json {
    let intents: Vec<_> = Intent::ALL.iter().map(|(_, word)| *word).collect();
    let text = json!({ "type": ["string", "null"] });
    json!({
        "type": "json_schema",
        "json_schema": { "name": "turn", "strict": true, "schema": {
            "type": "object",
            "additionalProperties": false,
            "required": ["reply", "intent", "confidence", "service", "urgency", "address",
                         "slot_choice", "prices", "needs_human"],
            "properties": {
                "reply": { "type": "string" },
                "intent": { "type": "string", "enum": intents },
                "confidence": { "type": "number" },
                "service": text,
                "urgency": { "type": "string", "enum": ["unknown", "low", "normal", "high", "emergency"] },
                "address": text,
                "slot_choice": { "type": ["integer", "null"] },
                "prices": { "type": "array", "items": { "type": "integer" } },
                "needs_human": { "type": "boolean" },
            },
        } },
    })
}

/// Reads an answer; none where it is no object with a reply. Unknown keys are dropped, unknown words are `other`, and
/// what has a wrong shape counts as missing.
pub(super) fn read(text: &str) -> Option<Answer> {
    let value: Json = serde_json::from_str(unfenced(text)).ok()?;
    let object = value.as_object()?;
    let field = |name: &str| {
        let text = object.get(name).and_then(Json::as_str).unwrap_or_default();
        cut(text).to_owned()
    };
    let reply = field("reply");
    let word = field("intent");
    let intent = Intent::ALL
        .iter()
        .find(|(_, known)| *known == word)
        .map_or(Intent::Other, |(intent, _)| *intent);
    let confidence = object
        .get("confidence")
        .and_then(Json::as_f64)
        .unwrap_or(0.0);
    object.contains_key("reply").then(|| Answer {
        reply,
        intent,
        confidence: if confidence.is_finite() {
            confidence.clamp(0.0, 1.0)
        } else {
            0.0
        },
        // Said in a wrong shape, it is better believed.
        needs_human: object
            .get("needs_human")
            .is_some_and(|told| *told != json!(false)),
        urgency: match field("urgency").as_str() {
            "low" => Urgency::Low,
            "normal" => Urgency::Normal,
            "high" => Urgency::High,
            "emergency" => Urgency::Emergency,
            _ => Urgency::Unknown,
        },
        address: field("address"),
        service: field("service"),
        slot_choice: object
            .get("slot_choice")
            .and_then(Json::as_u64)
            .and_then(|choice| usize::try_from(choice).ok()),
        prices: match object.get("prices") {
            None | Some(Json::Null) => Vec::new(),
            Some(Json::Array(all)) => all.iter().map(Json::as_i64).collect(),
            Some(other) => vec![other.as_i64()],
        },
    })
}

/// Some models put a fence of Markdown around what was asked for.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text
        .strip_prefix("```json")
        .or_else(|| text.strip_prefix("```"));
    inner.map_or(text, |inner| inner.trim_end_matches('`').trim())
}

fn cut(text: &str) -> &str {
    let mut end = text.len().min(FIELD_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn an_answer_is_read_and_bounded() {
        let text = r#"```json
            {"reply":"Hi","intent":"book","confidence":7,"needs_human":false,"price":1,"evil":{"a":1}}
        ```"#;
        let answer = read(text).unwrap();
        assert_eq!(answer.reply, "Hi");
        assert_eq!((answer.intent, answer.confidence), (Intent::Book, 1.0));
        assert!(!answer.needs_human);
    }

    #[rstest]
    #[case("")]
    #[case("Hello!")]
    #[case("[]")]
    #[case("{}")]
    #[case(r#"{"reply"#)]
    fn what_is_no_answer_is_none(#[case] text: &str) {
        assert_eq!(read(text), None);
    }

    #[rstest]
    #[case(
        r#"{"reply":"x","intent":"drop_tables","confidence":"high"}"#,
        Intent::Other,
        0.0,
        false
    )]
    #[case(
        r#"{"reply":"x","intent":5,"confidence":-3,"needs_human":"no"}"#,
        Intent::Other,
        0.0,
        true
    )]
    #[case(r#"{"reply":7,"confidence":0.5}"#, Intent::Other, 0.5, false)]
    fn a_wrong_shape_counts_as_missing(
        #[case] text: &str,
        #[case] intent: Intent,
        #[case] confidence: f64,
        #[case] needs_human: bool,
    ) {
        let answer = read(text).unwrap();
        assert_eq!(
            (answer.intent, answer.confidence, answer.needs_human),
            (intent, confidence, needs_human)
        );
    }

    #[rstest]
    #[case(r#"{"reply":"x"}"#, &[])]
    #[case(r#"{"reply":"x","prices":null}"#, &[])]
    #[case(r#"{"reply":"x","prices":[9900, "9900", 1.5]}"#, &[Some(9_900), None, None])]
    #[case(r#"{"reply":"x","prices":"free"}"#, &[None])]
    fn a_price_is_a_whole_number_or_unknown(#[case] text: &str, #[case] expected: &[Option<i64>]) {
        assert_eq!(read(text).unwrap().prices, expected);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "\\PC{0,200}") {
            let _ = read(&text);
        }
    }
}
