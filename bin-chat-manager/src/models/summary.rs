//! A summary of a conversation: what it is about, for people of the business.

use bin_common_handler::{models::time::Timestamp, text_enum};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

text_enum!(
    /// What is summed up.
    pub enum SummaryKind {
        /// What was said, in a few sentences.
        Conversation = "conversation",
        /// The points that matter, a line for each.
        KeyPoints = "key_points",
        /// How the person feels: `positive`, `neutral` or `negative`.
        Sentiment = "sentiment",
        /// What it is about, in a few words.
        Topic = "topic",
    }
);

text_enum!(
    /// Who wrote a summary.
    pub enum SummarySource {
        /// A model.
        Model = "model",
        /// Nobody: these are sentences and words of the conversation itself.
        Extract = "extract",
    }
);

/// A summary of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Summary {
    /// The conversation.
    pub conversation_id: Uuid,
    /// What is summed up.
    pub kind: SummaryKind,
    /// Who wrote it. Without a model, or when it does not answer in time, it is an extract.
    pub source: SummarySource,
    /// Its words.
    pub text: String,
    /// The last message that it knows.
    pub up_to_seq: i64,
    /// When it was made.
    pub tm_create: Timestamp,
}
