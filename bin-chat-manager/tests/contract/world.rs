//! An installation with its replicas, and the sentences that most tests begin with.

use bin_chat_manager::MANAGER;
use bin_common_handler::testing::{Client, Installation, Kind, Replica};
use serde_json::Value as Json;
use uuid::Uuid;

/// A manager that runs, and someone who calls it in a customer's name.
pub struct World {
    pub installation: Installation,
    pub replicas: Vec<Replica>,
    pub client: Client,
}

impl World {
    pub async fn new(kind: Kind) -> Self {
        let mut installation = Installation::new(kind, MANAGER, &[]).await;
        let replicas = vec![installation.start().await];
        let client = installation.client().within(Uuid::from_u128(7));
        Self {
            installation,
            replicas,
            client,
        }
    }

    pub async fn end(self) {
        for replica in self.replicas {
            replica.stop().await.unwrap();
        }
        self.installation.remove().await;
    }
}

pub fn id(value: &Json) -> String {
    text(value, "id").to_owned()
}

pub fn text<'j>(value: &'j Json, key: &str) -> &'j str {
    value[key].as_str().unwrap_or_default()
}

/// The reason of a refusal.
pub fn reason(reply: &(u16, Json)) -> (u16, &str) {
    (reply.0, text(&reply.1, "reason"))
}
