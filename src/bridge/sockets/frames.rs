//! The frames of the protocol: one JSON object each, its name under `op`.

use axum::extract::ws::Utf8Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};
use uuid::Uuid;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum ClientFrame {
    /// Shows a key where the handshake had none.
    Auth { token: String },
    /// Follows a list or a room; what happened after `last_seq` is told first, where the room can.
    Sub {
        scope: String,
        #[serde(default)]
        last_seq: Option<i64>,
        #[serde(default)]
        last_note_seq: Option<i64>,
    },
    /// Follows it no longer.
    Unsub { scope: String },
    /// Asks whether we are there.
    Ping,
    /// What a manager is to be told, if one wants it.
    #[serde(skip)]
    Told(ToldFrame),
}

/// A frame that becomes a request.
#[derive(Debug, Deserialize)]
pub(super) struct ToldFrame {
    pub op: String,
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

impl ToldFrame {
    /// The sender's own word for it.
    pub(super) fn word(&self) -> Option<&str> {
        let word = self.fields.get(REF).and_then(Value::as_str);
        word.filter(|word| !word.is_empty())
    }

    /// By what its sender knows it.
    pub(super) fn mark(&self) -> &str {
        let message = self.fields.get("client_message_id").and_then(Value::as_str);
        self.word().or(message).unwrap_or(&self.op)
    }
}

impl ClientFrame {
    /// Reads a frame.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Undecodable> {
        if let Ok(frame) = serde_json::from_slice(bytes) {
            return Ok(frame);
        }
        match serde_json::from_slice::<ToldFrame>(bytes) {
            Ok(told) if !OWN.contains(&told.op.as_str()) => Ok(Self::Told(told)),
            _ => Err(Undecodable::of(bytes)),
        }
    }
}

/// What is no frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Undecodable {
    /// By what its sender knows it; empty where it says nothing of the kind.
    pub mark: String,
}

impl Undecodable {
    fn of(bytes: &[u8]) -> Self {
        let fields: Map<String, Value> = serde_json::from_slice(bytes).unwrap_or_default();
        let mut words = ["scope", REF, "client_message_id", "op"]
            .into_iter()
            .filter_map(|name| fields.get(name)?.as_str());
        let mark = words.find(|word| !word.is_empty());
        Self {
            mark: mark.unwrap_or_default().to_owned(),
        }
    }
}

/// Where the sender's own word stands.
pub(super) const REF: &str = "ref";

/// Frames that no manager sees.
const OWN: [&str; 4] = ["auth", "sub", "unsub", "ping"];

/// The numbers of an event: the room's, else the list's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Numbers {
    pub seq: i64,
    #[serde(skip_serializing_if = "is_zero")]
    pub note_seq: i64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde wants"
)]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

/// What we say.
#[derive(Debug, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum ServerFrame<'f> {
    /// The first frame once the key is known. `replay_max`: how many missed events are sent again, in rooms; none in
    /// lists. With a `token` it is what the visitor shows from now on; it comes again when that is soon over.
    Hello {
        connection_id: Uuid,
        ping_seconds: u64,
        replay_max: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<&'f str>,
    },
    /// Events of this scope follow.
    Subscribed {
        scope: &'f str,
        last_seq: i64,
        #[serde(skip_serializing_if = "Option::is_none")]
        last_note_seq: Option<i64>,
    },
    /// What was missed has been told; or, where `ok` is false, cannot be: the lists have it.
    Recovered {
        scope: &'f str,
        ok: bool,
        oldest_seq: i64,
    },
    /// Events of this scope have ended.
    Unsubscribed { scope: &'f str },
    /// Something happened. In a list `seq` grows while the connection lasts; in a room it is the room's own.
    Ev {
        scope: &'f str,
        #[serde(flatten)]
        numbers: Numbers,
        r#type: &'f str,
        data: &'f RawValue,
    },
    /// The answer to `ping`.
    Pong,
    /// A frame was refused; `ref` is its scope, its `ref`, its `client_message_id` or its `op`.
    Err { code: &'f str, r#ref: &'f str },
    /// The connection ends; come again after so long.
    Bye { code: u16, retry_after_ms: u64 },
}

impl ServerFrame<'_> {
    /// As it is sent; it can always be written, as it holds no maps with other keys than text.
    pub(super) fn text(&self) -> Utf8Bytes {
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// A frame whose fields are those of an object.
pub(super) fn named(op: &str, data: &RawValue) -> Utf8Bytes {
    let fields = data.get().trim_start().strip_prefix('{').unwrap_or("}");
    let comma = if fields.trim_start().starts_with('}') {
        ""
    } else {
        ","
    };
    format!("{{\"op\":\"{op}\"{comma}{fields}").into()
}

/// The answer to a frame: the fields of what the manager replied, with the sender's word, where there is one.
pub(super) fn answered(op: &str, reply: &RawValue, word: Option<&str>) -> Utf8Bytes {
    let Some(word) = word else {
        return named(op, reply);
    };
    let mut fields: Map<String, Value> = serde_json::from_str(reply.get()).unwrap_or_default();
    fields.insert("op".to_owned(), op.into());
    fields.insert(REF.to_owned(), word.into());
    Value::Object(fields).to_string().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_are_named_by_op() {
        let data = RawValue::from_string("{\"a\":1}".to_owned()).unwrap();
        let mut numbers = Numbers {
            seq: 3,
            note_seq: 0,
        };
        let event = |numbers| ServerFrame::Ev {
            scope: "notes",
            numbers,
            r#type: "note_created",
            data: &data,
        };
        let text = r#"{"op":"ev","scope":"notes","seq":3,"type":"note_created","data":{"a":1}}"#;
        assert_eq!(event(numbers).text().as_str(), text);
        numbers = Numbers {
            seq: 0,
            note_seq: 2,
        };
        let text = r#"{"op":"ev","scope":"notes","seq":0,"note_seq":2,"type":"note_created","data":{"a":1}}"#;
        assert_eq!(event(numbers).text().as_str(), text);
        let refused = ServerFrame::Err {
            code: "SCOPE_NOT_FOUND",
            r#ref: "x",
        };
        let text = r#"{"op":"err","code":"SCOPE_NOT_FOUND","ref":"x"}"#;
        assert_eq!(refused.text().as_str(), text);
        let frame = ClientFrame::read(br#"{"op":"sub","scope":"notes","last_seq":7}"#).unwrap();
        assert!(
            matches!(frame, ClientFrame::Sub { scope, last_seq: Some(7), .. } if scope == "notes")
        );
    }

    #[test]
    fn an_objects_fields_become_a_frames() {
        for (data, expected) in [
            (r#"{"a":1}"#, r#"{"op":"ack","a":1}"#),
            ("{}", r#"{"op":"ack"}"#),
            (" { } ", r#"{"op":"ack" } "#),
            ("null", r#"{"op":"ack"}"#),
        ] {
            let data = RawValue::from_string(data.trim().to_owned()).unwrap();
            let frame = named("ack", &data);
            let is_json = serde_json::from_str::<Value>(&frame).is_ok();
            assert!(is_json, "{frame}");
            assert_eq!(frame.replace(' ', ""), expected.replace(' ', ""));
        }
    }

    #[test]
    fn an_answer_has_the_fields_of_the_reply_and_the_senders_word() {
        let reply = RawValue::from_string(json!({"id": 7, "op": "other"}).to_string()).unwrap();
        let said: Value = serde_json::from_str(&answered("ack", &reply, Some("mine"))).unwrap();
        assert_eq!(said, json!({"op": "ack", "ref": "mine", "id": 7}));
        let reply = RawValue::from_string("{\"id\":7}".to_owned()).unwrap();
        let said: Value = serde_json::from_str(&answered("ack", &reply, None)).unwrap();
        assert_eq!(said, json!({"op": "ack", "id": 7}));
    }

    #[test]
    fn what_no_frame_of_ours_is_may_be_a_managers() {
        let frame = ClientFrame::read(br#"{"op":"msg","client_message_id":"m"}"#).unwrap();
        assert!(matches!(frame, ClientFrame::Told(told) if told.mark() == "m"));
        let frame =
            ClientFrame::read(br#"{"op":"bid","ref":"r","client_message_id":"m"}"#).unwrap();
        assert!(matches!(frame, ClientFrame::Told(told) if told.mark() == "r"));
        let frame = ClientFrame::read(br#"{"op":"bid","ref":""}"#).unwrap();
        assert!(matches!(frame, ClientFrame::Told(told) if told.mark() == "bid"));
        for (text, mark) in [
            (r#"{"op":"sub"}"#, "sub"),
            (r#"{"op":"sub","scope":"notes","last_seq":"x"}"#, "notes"),
            (r#"{"op":"sub","scope":7,"ref":"mine"}"#, "mine"),
            (r#"{"op":"auth","ref":""}"#, "auth"),
            (r#"{"scope":"notes"}"#, "notes"),
            (r#"{"op":7}"#, ""),
            ("[1]", ""),
            ("{", ""),
        ] {
            let undecodable = ClientFrame::read(text.as_bytes()).unwrap_err();
            assert_eq!(undecodable.mark, mark, "{text}");
        }
    }
}
