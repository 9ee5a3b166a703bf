//! Frames of a protocol that the bridge does not speak, carried to the manager that does.

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::error::{Error, Result};

/// One frame of a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frame {
    /// The same for all frames of a socket.
    pub connection_id: Uuid,
    /// Who is at its other end, as the bridge sees it.
    #[schemars(with = "String")]
    pub address: IpAddr,
    /// Its bytes, in base64 with padding.
    pub body_base64: String,
}

impl Frame {
    /// A frame with these bytes.
    pub fn new(connection_id: Uuid, address: IpAddr, body: &[u8]) -> Self {
        Self {
            connection_id,
            address,
            body_base64: STANDARD.encode(body),
        }
    }

    /// Its bytes.
    ///
    /// # Errors
    /// 400 naming the field.
    pub fn body(&self) -> Result<Vec<u8>> {
        STANDARD.decode(&self.body_base64).map_err(|fault| {
            Error::invalid_argument("INVALID_FIELD", "body_base64 is no base64.").caused_by(fault)
        })
    }
}

/// What goes back, in order, each as a frame of text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Frames {
    /// The frames.
    pub frames: Vec<String>,
}
