//! An attachment: a file that is said in a conversation. Its bytes lie in DATA_DIR.

use bin_common_handler::{Entity, models::time::Timestamp, text_enum};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Largest file, in bytes: with base64 and its envelope it fits one message of the bus.
pub const SIZE_MAX: usize = 700_000;

text_enum!(
    /// Whether it can be had.
    pub enum AttachmentStatus {
        /// Its bytes are not all there yet.
        Pending = "pending",
        /// It is said, and whole.
        Ready = "ready",
        /// It was erased; its bytes go as soon as the disk takes it.
        Erased = "erased",
    }
);

/// A file that is said in a conversation. It has the id of its message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Entity)]
#[entity(table = "chat_attachments")]
pub struct Attachment {
    /// That of its message.
    pub id: Uuid,
    /// The tenant.
    pub customer_id: Uuid,
    /// The conversation.
    pub conversation_id: Uuid,
    /// Whether it can be had.
    pub status: AttachmentStatus,
    /// Under which name it is saved.
    pub name: String,
    /// What it is, by its own bytes.
    pub media_type: String,
    /// Its size, in bytes.
    pub size: i64,
    /// Where a carrier has it; null once it is here.
    #[serde(skip)]
    pub source_url: Option<String>,
    /// Creation time.
    pub tm_create: Timestamp,
    /// Time of the last change, which is its version.
    pub tm_update: Timestamp,
}
