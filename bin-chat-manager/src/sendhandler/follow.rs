//! What became of a text that the carrier has. Its callbacks tell; where they are lost, or there are none, the carrier is
//! asked twice, and then no more. The timer is that of sending, which moves.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};

use super::{provider, record};
use crate::{
    app::App,
    businesshandler,
    models::{conversation::Conversation, message::Message, timers::SEND},
};

/// The carrier is asked so long after it took a text.
const LOOKS: [Duration; 2] = [Duration::from_secs(300), Duration::from_secs(3_600)];

/// When the carrier is asked next of a text that it took at `taken`; never after the last time.
fn next_look(taken: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let mut looks = LOOKS.into_iter().map(|after| taken.plus(after));
    looks.find(|at| *at > now)
}

fn taken(message: &Message) -> Timestamp {
    message.tm_sent.unwrap_or(message.tm_create)
}

/// Sets the timer of a held message that the carrier has: for the next look, while something is to be told of it.
///
/// # Errors
/// 503.
pub(super) async fn watch(tx: &mut ChangeTx<'_>, message: &Message) -> Result<()> {
    let now = tx.now();
    match next_look(taken(message), now).filter(|_| message.is_followed()) {
        Some(at) => tx.schedule(SEND, message.id, at, &()).await,
        None => tx.cancel(SEND, message.id).await.map(drop),
    }
}

/// The timer of a text that the carrier has: it is asked, where it is time. A text whose number is not the business's any
/// more is not asked for.
///
/// # Errors
/// 503; the timer comes back to it.
pub(super) async fn look(app: &App, message: &Message) -> Result<()> {
    let is_early = LOOKS
        .first()
        .is_some_and(|first| app.store.clock.now() < taken(message).plus(*first));
    let told = if is_early {
        None
    } else {
        let found = app
            .store
            .get::<Conversation>(message.conversation_id)
            .await?;
        let conversation =
            found.ok_or_else(|| Error::internal("a message without a conversation"))?;
        let (number, customer_id) = (&conversation.number, conversation.customer_id);
        match businesshandler::of_tenant(app, number, customer_id).await? {
            Some(business) => provider::look_up(app, &business, message).await,
            None => None,
        }
    };
    let ctx = RequestContext::internal();
    let mut tx = app.store.begin(&ctx).await?;
    if let Some(told) = told {
        record::report(app, &mut tx, message.customer_id, &told).await?;
    }
    if let Some(held) = tx.lock::<Message>(message.id).await? {
        watch(&mut tx, &held).await?;
    }
    tx.commit(()).await
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::at_once(0, Some(300))]
    #[case::before_the_first(299, Some(300))]
    #[case::after_the_first(300, Some(3_600))]
    #[case::late(3_599, Some(3_600))]
    #[case::after_the_last(3_600, None)]
    #[case::long_after(100_000, None)]
    fn the_carrier_is_asked_twice(#[case] after: u64, #[case] expected: Option<u64>) {
        let taken = Timestamp::from_micros(1_000_000);
        let at = |seconds| taken.plus(Duration::from_secs(seconds));
        assert_eq!(next_look(taken, at(after)), expected.map(at));
    }
}
