//! Who talks: a desk with agents' keys and a widget, visitors, and their sockets.

use std::time::Duration;

use bin_common_handler::models::sock::Method;
use serde_json::{Value, json};
use tandem::socket::{Heard, Socket};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    client::{Address, Client, fetch},
    demo::{Made, Undo},
};

/// The page that shows the widget.
const PAGE: &str = "https://shop.example.com";
/// Longest wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(15);
/// Before a session that was one too many is asked for again: an address may begin one a second.
const PAUSE: Duration = Duration::from_secs(1);
/// Times that one session is asked for.
const TRIES: u32 = 30;

/// A customer at a bridge.
pub struct Desk<'c> {
    client: &'c Client,
    /// The bridge's `host:port`.
    pub at: String,
    pub customer: String,
    /// What is there because of this desk.
    made: Made,
}

/// An agent with a key of their own.
pub struct Agent {
    pub id: String,
    pub token: String,
}

/// A visitor's conversation and token.
pub struct Visitor {
    pub conversation: String,
    pub token: String,
}

/// The text of a field.
pub fn text(value: &Value, field: &str) -> String {
    let text = value.get(field).and_then(Value::as_str);
    text.unwrap_or_default().to_owned()
}

/// The bridge's `host:port`.
///
/// # Errors
/// When it is no bridge, or one over TLS.
pub fn bridge(address: &Address) -> Result<String, String> {
    match address {
        Address::Http(uri) if uri.scheme_str() == Some("http") => {
            let host = uri.host().unwrap_or_default();
            Ok(format!("{host}:{}", uri.port_u16().unwrap_or(80)))
        }
        _ => Err("sockets need a bridge: --address http://host:8080".to_owned()),
    }
}

impl<'c> Desk<'c> {
    /// The desk of a customer.
    pub fn new(client: &'c Client, at: String, customer: String) -> Self {
        Self {
            client,
            at,
            customer,
            made: Made::default(),
        }
    }

    /// Takes away what was made here: keys, agents, queues and widgets; conversations are closed, and stay.
    ///
    /// # Errors
    /// What stays, and why.
    pub async fn clear(&self) -> Result<(), String> {
        self.made.undo(self.client).await
    }

    /// Makes or does something for the customer.
    ///
    /// # Errors
    /// The refusal in one line.
    pub async fn post(&self, uri: &str, mut body: Value) -> Result<Value, String> {
        if let Some(fields) = body.as_object_mut() {
            fields.insert("customer_id".to_owned(), json!(self.customer));
        }
        fetch(self.client, Method::Post, uri, Some(&body)).await
    }

    /// Makes a row of a list, until the desk is cleared.
    async fn make(&self, list: &str, body: Value) -> Result<Value, String> {
        let made = self.post(list, body).await?;
        self.made
            .note(Undo::Delete(format!("{list}/{}", text(&made, "id"))));
        Ok(made)
    }

    /// Reads something.
    ///
    /// # Errors
    /// The refusal in one line.
    pub async fn get(&self, uri: &str) -> Result<Value, String> {
        fetch(self.client, Method::Get, uri, None::<&()>).await
    }

    /// An access key that may chat: its id and its token.
    ///
    /// # Errors
    /// The refusal in one line.
    pub async fn key(&self, name: &str) -> Result<(String, String), String> {
        let body = json!({"name": name, "scopes": ["chat:read", "chat:write"]});
        let made = self.make("/v1/accesskeys", body).await?;
        Ok((text(&made, "id"), text(&made, "token")))
    }

    /// An agent, who is their key.
    ///
    /// # Errors
    /// The refusal in one line.
    pub async fn agent(&self, name: &str) -> Result<Agent, String> {
        let (user, token) = self.key(name).await?;
        let body = json!({"user_id": user, "name": name});
        let made = self.make("/v1/agents", body).await?;
        Ok(Agent {
            id: text(&made, "id"),
            token,
        })
    }

    /// A queue's id.
    ///
    /// # Errors
    /// The refusal in one line.
    pub async fn queue(&self, name: &str) -> Result<String, String> {
        let made = self.make("/v1/queues", json!({"name": name})).await?;
        Ok(text(&made, "id"))
    }

    /// A widget's public id.
    ///
    /// # Errors
    /// The refusal in one line.
    pub async fn widget(&self, queue: Option<&str>) -> Result<String, String> {
        let body = json!({"name": "shop", "origins": [PAGE], "queue_id": queue});
        let made = self.make("/v1/widgets", body).await?;
        Ok(text(&made, "public_id"))
    }

    /// A visitor who opens the widget, as a page does. Where an address has begun many sessions, its next ones wait.
    ///
    /// # Errors
    /// When the bridge does not let them.
    pub async fn visitor(&self, widget: &str) -> Result<Visitor, String> {
        let mut made = Value::Null;
        for _ in 0..TRIES {
            made = self.begin(widget).await?;
            if made.get("token").is_some_and(Value::is_string) {
                let conversation = text(&made, "conversation_id");
                self.made
                    .note(Undo::Close(format!("/v1/conversations/{conversation}")));
                return Ok(Visitor {
                    conversation,
                    token: text(&made, "token"),
                });
            }
            if text(&made, "status") != "RESOURCE_EXHAUSTED" {
                break;
            }
            sleep(PAUSE).await;
        }
        Err(format!("no session for a visitor: {made}"))
    }

    async fn begin(&self, widget: &str) -> Result<Value, String> {
        let body = json!({"widget_id": widget, "visitor": {"name": "Vera"}}).to_string();
        let request = format!(
            "POST /v1/chat_sessions HTTP/1.1\r\nhost: {}\r\norigin: {PAGE}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.at,
            body.len()
        );
        let mut answer = String::new();
        let asked = async {
            let mut stream = TcpStream::connect(&self.at).await?;
            stream.write_all(request.as_bytes()).await?;
            stream.read_to_string(&mut answer).await
        };
        asked.await.map_err(|fault| fault.to_string())?;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        Ok(serde_json::from_str(body).unwrap_or_default())
    }
}

/// A socket of somebody.
pub struct Line(pub Socket);

impl Line {
    /// Connects and waits for the bridge's hello.
    ///
    /// # Errors
    /// When it does not let us.
    pub async fn open(at: &str, token: &str) -> Result<Self, String> {
        let protocol = format!("bearer, {token}");
        let headers = [("sec-websocket-protocol", protocol.as_str())];
        let opened = Socket::connect(at, "/ws/v1/events", &headers).await;
        let socket = opened
            .map_err(|fault| fault.to_string())?
            .map_err(|status| format!("the bridge takes no socket: {status}"))?;
        let mut line = Self(socket);
        line.until("a hello", |frame| frame.get("op") == Some(&json!("hello")))
            .await?;
        Ok(line)
    }

    /// Says a frame.
    ///
    /// # Errors
    /// When the connection ended.
    pub async fn say(&mut self, frame: &Value) -> Result<(), String> {
        let said = self.0.send(&frame.to_string()).await;
        said.map_err(|fault| fault.to_string())
    }

    /// Follows a scope.
    ///
    /// # Errors
    /// When it may not, or the connection ended.
    pub async fn follow(&mut self, scope: &str) -> Result<(), String> {
        self.say(&json!({"op": "sub", "scope": scope})).await?;
        let subscribed = |frame: &Value| frame.get("op") == Some(&json!("subscribed"));
        self.until("to follow", subscribed).await.map(drop)
    }

    /// The next frame that fits; refusals end it.
    ///
    /// # Errors
    /// When nothing fitting comes in time, or something was refused.
    pub async fn until(
        &mut self,
        what: &str,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Value, String> {
        let looked = async {
            loop {
                match self.0.next().await {
                    Heard::Text(text) => {
                        let frame: Value = serde_json::from_str(&text).unwrap_or_default();
                        if fits(&frame) {
                            return Ok(frame);
                        }
                        if frame.get("op") == Some(&json!("err")) {
                            return Err(format!("refused while waiting for {what}: {frame}"));
                        }
                    }
                    Heard::Pong(_) => {}
                    Heard::Closed(code) => return Err(format!("closed with {code}")),
                    Heard::Gone => return Err("the connection ended".to_owned()),
                }
            }
        };
        timeout(PATIENCE, looked)
            .await
            .map_err(|_| format!("{what} did not come in time"))?
    }

    /// Says something in a conversation, and waits until it is written.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn talk(&mut self, conversation: &str, id: &str, body: &str) -> Result<(), String> {
        let frame = json!({
            "op": "msg", "conversation_id": conversation, "client_message_id": id, "body": body,
        });
        self.say(&frame).await?;
        let is_ack = |frame: &Value| frame.get("client_message_id") == Some(&json!(id));
        self.until("an acknowledgement", is_ack).await.map(drop)
    }
}
