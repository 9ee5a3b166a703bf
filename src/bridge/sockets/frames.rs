//! The frames of the protocol: one JSON object each, its name under `op`.

use axum::extract::ws::Utf8Bytes;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum ClientFrame {
    /// Shows a key where the handshake had none.
    Auth { token: String },
    /// Follows a list. `last_seq` has no meaning for lists, which are live only.
    Sub { scope: String },
    /// Follows it no longer.
    Unsub { scope: String },
    /// Asks whether we are there.
    Ping,
    /// A frame of a manager, with its `op`.
    #[serde(untagged)]
    Other(serde_json::Map<String, serde_json::Value>),
}

/// What we say.
#[derive(Debug, Serialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub(super) enum ServerFrame<'f> {
    /// The first frame once the key is known. `replay_max`: how many missed events are sent again; none for lists.
    Hello {
        connection_id: Uuid,
        ping_seconds: u64,
        replay_max: u32,
    },
    /// Events of this scope follow.
    Subscribed { scope: &'f str, last_seq: u64 },
    /// Events of this scope have ended.
    Unsubscribed { scope: &'f str },
    /// Something happened. `seq` grows within a scope while the connection lasts.
    Ev {
        scope: &'f str,
        seq: u64,
        r#type: &'f str,
        data: &'f RawValue,
    },
    /// The answer to `ping`.
    Pong,
    /// A frame was refused; `ref` is its scope or its `op`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_named_by_op() {
        let data = RawValue::from_string("{\"a\":1}".to_owned()).unwrap();
        let event = ServerFrame::Ev {
            scope: "notes",
            seq: 3,
            r#type: "note_created",
            data: &data,
        };
        let text = r#"{"op":"ev","scope":"notes","seq":3,"type":"note_created","data":{"a":1}}"#;
        assert_eq!(event.text().as_str(), text);
        let refused = ServerFrame::Err {
            code: "SCOPE_NOT_FOUND",
            r#ref: "x",
        };
        let text = r#"{"op":"err","code":"SCOPE_NOT_FOUND","ref":"x"}"#;
        assert_eq!(refused.text().as_str(), text);
        let frame: ClientFrame =
            serde_json::from_str(r#"{"op":"sub","scope":"notes","last_seq":7}"#).unwrap();
        assert!(matches!(frame, ClientFrame::Sub { scope } if scope == "notes"));
    }
}
