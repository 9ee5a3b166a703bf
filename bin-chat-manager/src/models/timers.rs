//! The kinds of durable timers. Each is for one entity at a time, so setting one again moves it.

/// An inbox row is worked on; of the row.
pub(crate) const WORK: &str = "chat_work";
/// A text is sent, or what became of it is found out; of the message.
pub(crate) const SEND: &str = "chat_send";
/// The assistant's turn begins; of the conversation.
pub(crate) const TURN: &str = "chat_turn";
/// A turn that began is carried out; of the turn.
pub(crate) const RUN: &str = "chat_run";
/// A quiet conversation closes; of the conversation.
pub(crate) const CLOSE: &str = "chat_close";
/// The registry decided about a number; of the number.
pub(crate) const CAMPAIGN: &str = "chat_campaign";
/// A calendar elsewhere is to be brought in step; of the calendar.
pub(crate) const CALENDAR_SYNC: &str = "calendar_sync";
/// A person has an unanswered question; of the conversation.
pub(crate) const SILENCE: &str = "chat_silence";
/// A picture of a text is fetched; of the attachment.
pub(crate) const MEDIA: &str = "chat_media";
/// A hold is over; of the reservation.
pub(crate) const RESERVATION_EXPIRE: &str = "reservation_expire";
