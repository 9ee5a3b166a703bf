//! A client of live events that knows nothing of the bridge, and what happens for it to hear.

use std::time::Duration;

use bin_common_handler::sockhandler::{Outgoing, Transport};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message, client::IntoClientRequest, handshake::client::Request, protocol::CloseFrame,
    },
};
use uuid::Uuid;

use super::{
    dids::CUSTOMER,
    world::{NAME, World},
};

/// What must come, comes; a key that was revoked is noticed after seven seconds at most.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// Another tenant.
pub const FOREIGN: Uuid = Uuid::from_u128(0xf);

/// One socket.
pub struct Client(pub WebSocketStream<TcpStream>);

impl Client {
    /// Connects with these headers.
    pub async fn try_connect(
        world: &World,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let stream = TcpStream::connect(world.at).await.unwrap();
        let request = request(world, headers);
        let (socket, _) = client_async(request, stream).await?;
        Ok(Self(socket))
    }

    pub async fn connect(world: &World, key: &str) -> Self {
        let client = Self::try_connect(world, &[("x-api-key", key)]).await;
        let mut client = client.unwrap();
        assert_eq!(client.next().await["op"], "hello");
        client
    }

    pub async fn say(&mut self, frame: Value) {
        self.0.send(Message::text(frame.to_string())).await.unwrap();
    }

    pub async fn ask(&mut self, frame: Value) -> Value {
        self.say(frame).await;
        self.next().await
    }

    /// The next frame of text.
    pub async fn next(&mut self) -> Value {
        match self.message().await {
            Message::Text(text) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub async fn message(&mut self) -> Message {
        let message = timeout(PATIENCE, self.0.next()).await;
        message.expect("in time").expect("a message").unwrap()
    }

    /// The code with which it is closed; what comes before is passed over.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match timeout(PATIENCE, self.0.next()).await.expect("in time") {
                Some(Ok(Message::Close(Some(CloseFrame { code, .. })))) => return code.into(),
                Some(Ok(_)) => {}
                // The last word did not fit, or the connection was dropped.
                Some(Err(_)) | None => return 0,
            }
        }
    }
}

fn request(world: &World, headers: &[(&'static str, &str)]) -> Request {
    let uri = format!("ws://{}/ws/v1/events", world.at);
    let mut request = uri.into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    request
}

impl World {
    pub async fn note(&self, customer_id: Option<Uuid>, text: &str) {
        self.tell(customer_id, json!({"text": text})).await;
    }

    pub async fn tell(&self, customer_id: Option<Uuid>, data: Value) {
        self.publish(&[outgoing(customer_id, ("note", "created"), data)])
            .await;
    }

    /// Something happens to the note that the room is of.
    pub async fn change(&self, seq: i64, kind: &str) {
        self.notes.happened.lock().unwrap().last_seq = seq;
        let data = json!({"note_id": Uuid::from_u128(1), "seq": seq, "type": kind});
        self.publish(&[outgoing(Some(CUSTOMER), ("change", "created"), data)])
            .await;
    }

    pub async fn publish(&self, events: &[Outgoing]) {
        let mut lease = self.bus.lease(NAME, "test").await.unwrap();
        let published = lease.publish(events).await;
        assert!(published.iter().all(|is_there| *is_there));
    }
}

pub fn outgoing(customer_id: Option<Uuid>, (topic, word): (&str, &str), data: Value) -> Outgoing {
    Outgoing {
        trace: None,
        routing_key: format!("{NAME}.{topic}.{}.{word}", Uuid::from_u128(1)),
        message_id: Uuid::from_u128(1).to_string(),
        version: 1,
        customer_id,
        body: json!({"type": format!("{topic}_{word}"), "publisher": NAME, "data": data})
            .to_string()
            .into_bytes(),
    }
}

pub fn event(seq: u64, text: &str) -> Value {
    json!({"op": "ev", "scope": "notes", "seq": seq, "type": "note_created", "data": {"text": text}})
}

pub fn room() -> String {
    format!("note:{}", Uuid::from_u128(1))
}
