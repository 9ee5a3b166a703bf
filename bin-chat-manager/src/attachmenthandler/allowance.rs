//! How much visitors may send: their files are kept before anybody looks at them.

use std::time::Duration;

use bin_common_handler::models::error::{Error, Result};

use super::File;
use crate::{app::App, dbhandler::attachments, models::conversation::Conversation};

/// Bytes of all files of one conversation with a visitor: 50 MiB.
const CONVERSATION_MAX: i64 = 50 * 1_024 * 1_024;
/// Bytes of all files that come for one tenant within an hour: 2 GiB.
const HOUR_MAX: i64 = 2 * 1_024 * 1_024 * 1_024;
const HOUR: Duration = Duration::from_secs(3_600);

/// Whether there is room for a visitor's file.
///
/// # Errors
/// 429 `TOO_MANY_BYTES`; 503.
pub(crate) async fn check(app: &App, conversation: &Conversation, file: &File) -> Result<()> {
    let db = &app.store.db;
    let size = i64::try_from(file.bytes.len()).unwrap_or(i64::MAX);
    let of_all = attachments::bytes_of(db, conversation.id).await?;
    if !has_room(of_all, size, CONVERSATION_MAX) {
        return Err(full(
            "The conversation has 50 MiB of files; it takes no more.",
        ));
    }
    let since = app.store.clock.now().minus(HOUR);
    let of_hour = attachments::bytes_since(db, conversation.customer_id, since).await?;
    if !has_room(of_hour, size, HOUR_MAX) {
        return Err(full("Too many files came within an hour; try again later."));
    }
    Ok(())
}

const fn has_room(taken: i64, size: i64, most: i64) -> bool {
    taken.saturating_add(size) <= most
}

fn full(text: &'static str) -> Error {
    Error::resource_exhausted("TOO_MANY_BYTES", text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, CONVERSATION_MAX, true)]
    #[case(1, CONVERSATION_MAX, false)]
    #[case(CONVERSATION_MAX - 700_000, 700_000, true)]
    #[case(CONVERSATION_MAX - 700_000, 700_001, false)]
    #[case(i64::MAX, 1, false)]
    fn files_have_room_up_to_the_last_byte(
        #[case] taken: i64,
        #[case] size: i64,
        #[case] expected: bool,
    ) {
        assert_eq!(has_room(taken, size, CONVERSATION_MAX), expected);
    }
}
