//! How long what is kept: the usual spans, unless a business says otherwise of its messages.

use std::time::Duration;

/// A day.
const DAY: Duration = Duration::from_secs(86_400);
/// Messages and their files, unless the business says otherwise, in days.
const MESSAGE_DAYS: u32 = 180;
/// Rows of conversations: thirteen months, in days.
const CONVERSATION_DAYS: u32 = 396;
/// Webhooks and the like.
pub const WEBHOOKS: Duration = Duration::from_secs(90 * 86_400);
/// Presences of users who are offline for as long.
pub const ABSENT: Duration = DAY;
/// A file that was not said by then never will be.
pub const PENDING: Duration = Duration::from_secs(3_600);

/// How long a business's rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spans {
    /// Messages and their files.
    pub messages: Duration,
    /// Conversations; never shorter than their messages.
    pub conversations: Duration,
}

impl Spans {
    /// Of a business with so many `retention_days`; 0 = it says nothing.
    pub fn of(retention_days: u32) -> Self {
        let messages = match retention_days {
            0 => MESSAGE_DAYS,
            days => days,
        };
        Self {
            messages: DAY * messages,
            conversations: DAY * messages.max(CONVERSATION_DAYS),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::usual(0, 180, 396)]
    #[case::shorter(30, 30, 396)]
    #[case::longer(730, 730, 730)]
    fn a_conversation_outlives_its_messages(
        #[case] said: u32,
        #[case] messages: u32,
        #[case] conversations: u32,
    ) {
        let spans = Spans::of(said);
        assert_eq!(spans.messages, DAY * messages);
        assert_eq!(spans.conversations, DAY * conversations);
    }
}
