//! The form of an answer: the manager's own words, or what a route's older callers read.

use std::{borrow::Cow, collections::BTreeMap};

use axum::{
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use super::{NAME, answer, file};
use bin_common_handler::{
    listenhandler::{Document, HttpOptions},
    models::{error::Error, sock},
};

/// The query parameter, and its value, that ask for bare text.
pub(super) const FORMAT: (&str, &str) = ("format", "text");

/// How answers of one request are written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Form {
    /// Errors without nesting.
    is_flat: bool,
    /// This field alone, and of errors their message.
    text_field: Option<&'static str>,
    /// This field alone, as a CSV file; errors stay as they are.
    csv_field: Option<&'static str>,
    /// This field alone, as a document of its type; errors stay as they are.
    document: Option<Document>,
    /// The reply is a file; errors stay as they are.
    is_file: bool,
    /// This field once more, under the second name; of answers that are whole.
    repeated_field: Option<(&'static str, &'static str)>,
    /// A field of that field which stands under the second name only.
    only_repeated: Option<&'static str>,
}

/// What a typed error has for people and programs.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Typed {
    reason: Option<String>,
    message: Option<String>,
    details: Vec<Value>,
}

impl Form {
    /// Of a route, for a caller that asked for text, for CSV, or for neither.
    pub(super) fn of(edge: &HttpOptions, wants_text: bool, wants_csv: bool) -> Self {
        Self {
            is_flat: edge.has_flat_errors,
            text_field: edge.text_field.filter(|_| wants_text),
            csv_field: edge.csv_field.filter(|_| wants_csv),
            document: edge.document,
            is_file: edge.is_file,
            repeated_field: edge.repeated_field,
            only_repeated: edge.only_repeated,
        }
    }

    /// A manager's reply: its status code, its `data`.
    pub(super) fn reply(self, reply: sock::Response) -> Response {
        let status = match StatusCode::from_u16(reply.status_code) {
            Ok(status) if status.as_u16() >= 200 => status,
            _ => return self.error(&Error::internal("the manager's reply has no such status")),
        };
        if status.as_u16() >= 400 && self.changes_errors() {
            return self.refusal(status, reply.body());
        }
        if self.is_file && status.is_success() {
            return file::answer(reply.body())
                .unwrap_or_else(|| self.error(&Error::internal("the reply is no file")));
        }
        if let Some(document) = self.document.filter(|_| status.is_success()) {
            let kind = HeaderValue::from_static(document.media_type);
            return self.field(status, reply.body(), document.field, |status, body| {
                answer::of_type(status, kind, body)
            });
        }
        match (self.csv_field, self.text_field) {
            (Some(field), _) if status.is_success() => {
                self.field(status, reply.body(), field, answer::csv)
            }
            (_, Some(field)) => self.field(status, reply.body(), field, answer::text),
            _ => answer::respond(status, self.whole(reply)),
        }
    }

    fn whole(self, reply: sock::Response) -> String {
        let repeated =
            self.repeated_field
                .and_then(|(field, other_name)| match self.only_repeated {
                    None => repeat(reply.body(), field, other_name),
                    Some(inner) => repeat_without(reply.body(), field, other_name, inner),
                });
        repeated.unwrap_or_else(|| {
            let data = reply.data.map(Box::<str>::from);
            data.map_or_else(|| "null".to_owned(), Into::into)
        })
    }

    /// A refusal of the bridge's own: the typed error, and `success` for callers that look only for that.
    pub(super) fn error(self, error: &Error) -> Response {
        let (status, wire) = (answer::status(error), error.to_response(NAME));
        if self.changes_errors() {
            return self.refusal(status, wire.body());
        }
        let body = match wire.body().strip_suffix('}') {
            Some(fields) => format!("{fields},\"success\":false}}"),
            None => wire.body().to_owned(),
        };
        answer::respond(status, body)
    }

    fn changes_errors(self) -> bool {
        self.is_flat || self.text_field.is_some()
    }

    fn refusal(self, status: StatusCode, typed: &str) -> Response {
        let body: Typed = serde_json::from_str(typed).unwrap_or_default();
        let retry_after = answer::retry_after(status, typed);
        let mut response = if self.text_field.is_some() {
            answer::text(status, body.message.unwrap_or_default())
        } else {
            answer::respond(status, flat(body).to_string())
        };
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
        }
        response
    }

    fn field(
        self,
        status: StatusCode,
        body: &str,
        name: &str,
        bare: impl FnOnce(StatusCode, String) -> Response,
    ) -> Response {
        let mut fields: Map<String, Value> = serde_json::from_str(body).unwrap_or_default();
        match fields.remove(name) {
            Some(Value::String(text)) => bare(status, text),
            _ => self.error(&Error::internal(
                "the reply lacks the field that stands for it",
            )),
        }
    }
}

/// An object with one of its fields once more, under another name that needs no escape; none when it lacks the field.
fn repeat(object: &str, field: &str, other_name: &str) -> Option<String> {
    let fields: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(object).ok()?;
    let (value, start) = (fields.get(field)?.get(), object.strip_suffix('}')?);
    Some(format!("{start},\"{other_name}\":{value}}}"))
}

/// As [`repeat`]; under its first name the field lacks its own field `inner`.
fn repeat_without(object: &str, field: &str, other_name: &str, inner: &str) -> Option<String> {
    type Fields<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;
    let mut fields: Fields<'_> = serde_json::from_str(object).ok()?;
    let value = *fields.get(field)?;
    let mut lesser: Fields<'_> = serde_json::from_str(value.get()).ok()?;
    lesser.remove(inner)?;
    let lesser = serde_json::value::to_raw_value(&lesser).ok()?;
    fields.insert(field.into(), &lesser);
    fields.insert(other_name.into(), value);
    serde_json::to_string(&fields).ok()
}

/// `{"success":false,"error","message"}` and the fields of the first detail, which cannot replace those.
fn flat(body: Typed) -> Value {
    let mut fields = match body.details.into_iter().next() {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let reason = body.reason.as_deref().unwrap_or("INTERNAL");
    let own = [
        ("success", json!(false)),
        ("error", json!(reason.to_ascii_lowercase())),
        ("message", json!(body.message.unwrap_or_default())),
    ];
    fields.extend(own.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(fields)
}

/// Whether the caller names plain text and not JSON: some clients accept everything and name both.
pub(super) fn accepts_text(headers: &HeaderMap) -> bool {
    let accepted = || {
        headers
            .get_all(header::ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|range| range.split(';').next().unwrap_or_default().trim())
    };
    let names = |media_type: &str| accepted().any(|range| range.eq_ignore_ascii_case(media_type));
    names("text/plain") && !names("application/json")
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use bin_common_handler::webhooks::twiml;
    use rstest::rstest;

    use super::*;

    const PLAIN: Form = Form {
        is_flat: false,
        text_field: None,
        csv_field: None,
        document: None,
        is_file: false,
        repeated_field: None,
        only_repeated: None,
    };
    const FLAT: Form = Form {
        is_flat: true,
        text_field: None,
        csv_field: None,
        document: None,
        is_file: false,
        repeated_field: None,
        only_repeated: None,
    };
    const TEXT: Form = Form {
        is_flat: true,
        text_field: Some("selected_did"),
        csv_field: None,
        document: None,
        is_file: false,
        repeated_field: None,
        only_repeated: None,
    };
    const CSV: Form = Form {
        csv_field: Some("text"),
        ..PLAIN
    };

    async fn read(response: Response) -> (u16, String, String) {
        let status = response.status().as_u16();
        let kind = response.headers()["content-type"]
            .to_str()
            .unwrap()
            .to_owned();
        let bytes = to_bytes(response.into_body(), 4096).await.unwrap();
        (status, kind, String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn said(status: u16, data: &Value) -> sock::Response {
        sock::Response::with(status, "application/json", data)
    }

    fn exhausted() -> sock::Response {
        let error = Error::new(
            bin_common_handler::models::error::Status::Unavailable,
            "NO_DID_AVAILABLE",
            "No number may be used now.",
        );
        let detail = json!({ "reason": "daily_cap", "success": true, "message": "no" });
        error.with_detail(detail).to_response("did-manager")
    }

    #[tokio::test]
    async fn a_refusal_is_a_typed_error() {
        let error = Error::unauthenticated("API_KEY_REQUIRED", "API key required");
        let (status, kind, body) = read(PLAIN.error(&error)).await;
        let expected = json!({
            "status": "UNAUTHENTICATED",
            "reason": "API_KEY_REQUIRED",
            "domain": "http-bridge",
            "message": "API key required",
            "success": false,
        });
        assert_eq!((status, kind.as_str()), (401, "application/json"));
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    }

    #[rstest]
    #[case(200, 200)]
    #[case(409, 409)]
    #[case(100, 500)]
    #[case(0, 500)]
    #[tokio::test]
    async fn a_reply_keeps_its_status(#[case] told: u16, #[case] status: u16) {
        for form in [PLAIN, FLAT] {
            assert_eq!(form.reply(said(told, &json!(1))).status(), status);
        }
    }

    #[tokio::test]
    async fn a_flat_error_has_its_reason_in_lower_case_and_the_fields_of_its_first_detail() {
        let response = FLAT.reply(exhausted());
        assert_eq!(response.headers()["retry-after"], "1");
        let (status, _, body) = read(response).await;
        let expected = json!({
            "success": false,
            "error": "no_did_available",
            "message": "No number may be used now.",
            "reason": "daily_cap",
        });
        assert_eq!(status, 503);
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    }

    #[rstest]
    #[case(json!(null))]
    #[case(json!("plain"))]
    #[case(json!({ "details": "none" }))]
    #[tokio::test]
    async fn an_error_without_a_type_is_flat_all_the_same(#[case] data: Value) {
        let (status, _, body) = read(FLAT.reply(said(500, &data))).await;
        let expected = json!({ "success": false, "error": "internal", "message": "" });
        assert_eq!(status, 500);
        assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
    }

    #[tokio::test]
    async fn a_field_alone_is_bare_text() {
        let reply = said(200, &json!({ "selected_did": "+14155550123", "did": {} }));
        let expected = (200, "text/plain".to_owned(), "+14155550123".to_owned());
        assert_eq!(read(TEXT.reply(reply)).await, expected);
    }

    #[rstest]
    #[case(
        r#"{"did":{"a":"}"},"b":1}"#,
        r#"{"did":{"a":"}"},"b":1,"data":{"a":"}"}}"#
    )]
    #[case(r#"{"b":1}"#, r#"{"b":1}"#)]
    #[case("[1]", "[1]")]
    #[tokio::test]
    async fn a_field_stands_under_its_other_name_too(#[case] data: &str, #[case] expected: &str) {
        let form = Form {
            repeated_field: Some(("did", "data")),
            ..FLAT
        };
        let data: Box<RawValue> = serde_json::from_str(data).unwrap();
        let reply = sock::Response::with(200, "application/json", &data);
        assert_eq!(read(form.reply(reply)).await.2, expected);
        assert_eq!(read(form.reply(exhausted())).await.0, 503);
    }

    #[rstest]
    #[case(
        r#"{"did":{"a":"1","b":2},"c":"x"}"#,
        r#"{"c":"x","data":{"a":"1","b":2},"did":{"b":2}}"#
    )]
    #[case(r#"{"did":{"b":2}}"#, r#"{"did":{"b":2}}"#)]
    #[case(r#"{"did":"a"}"#, r#"{"did":"a"}"#)]
    #[case(r#"{"b":1}"#, r#"{"b":1}"#)]
    #[case("[1]", "[1]")]
    #[tokio::test]
    async fn a_field_of_it_stands_under_the_other_name_only(
        #[case] data: &str,
        #[case] expected: &str,
    ) {
        let form = Form {
            repeated_field: Some(("did", "data")),
            only_repeated: Some("a"),
            ..FLAT
        };
        let data: Box<RawValue> = serde_json::from_str(data).unwrap();
        let reply = sock::Response::with(200, "application/json", &data);
        assert_eq!(read(form.reply(reply)).await.2, expected);
    }

    #[tokio::test]
    async fn a_report_is_a_file_and_its_refusal_an_error() {
        let reply = said(200, &json!({ "text": "a,b\r\n" }));
        let expected = (
            200,
            "text/csv; charset=utf-8".to_owned(),
            "a,b\r\n".to_owned(),
        );
        assert_eq!(read(CSV.reply(reply)).await, expected);
        let (status, kind, _) = read(CSV.reply(exhausted())).await;
        assert_eq!((status, kind.as_str()), (503, "application/json"));
    }

    #[tokio::test]
    async fn a_carrier_is_answered_in_xml_and_its_refusal_is_an_error() {
        let form = Form {
            document: Some(Document {
                field: "twiml",
                media_type: twiml::MEDIA_TYPE,
            }),
            ..PLAIN
        };
        let (status, kind, body) = read(form.reply(said(200, &json!({ "twiml": "<a/>" })))).await;
        assert_eq!((status, kind.as_str()), (200, "application/xml"));
        assert_eq!(body, "<a/>");
        let (status, kind, _) = read(form.reply(exhausted())).await;
        assert_eq!((status, kind.as_str()), (503, "application/json"));
    }

    #[rstest]
    #[case(json!({ "selected_did": null }))]
    #[case(json!({ "selected_did": 14_155_550_123_u64 }))]
    #[case(json!({}))]
    #[case(json!([]))]
    #[tokio::test]
    async fn a_reply_without_the_field_is_a_fault_and_never_a_number(#[case] data: Value) {
        let (status, kind, body) = read(TEXT.reply(said(200, &data))).await;
        assert_eq!((status, kind.as_str()), (500, "text/plain"));
        assert_eq!(body, "An internal error occurred.");
    }

    #[tokio::test]
    async fn an_error_in_text_is_its_message() {
        let (status, kind, body) = read(TEXT.reply(exhausted())).await;
        assert_eq!((status, kind.as_str()), (503, "text/plain"));
        assert_eq!(body, "No number may be used now.");
        let error = Error::unauthenticated("API_KEY_REQUIRED", "API key required");
        assert_eq!(read(TEXT.error(&error)).await.2, "API key required");
    }

    #[rstest]
    #[case(&["text/plain"], true)]
    #[case(&["TEXT/plain; charset=utf-8"], true)]
    #[case(&["text/html, text/plain;q=0.5"], true)]
    #[case(&["text/html", "text/plain"], true)]
    #[case(&["application/json, text/plain, */*"], false)]
    #[case(&["*/*"], false)]
    #[case(&["text/*"], false)]
    #[case(&[], false)]
    fn text_is_for_those_who_ask_for_it(#[case] accept: &[&str], #[case] text: bool) {
        let headers = accept
            .iter()
            .map(|it| (header::ACCEPT, it.parse().unwrap()));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        assert_eq!(accepts_text(&map), text);
    }
}
