//! Opt-outs as every manager obeys them: chat-manager keeps the ledger and tells each change; whoever calls or writes keeps
//! the numbers of it in a table `<prefix>_optouts` of its own, which its queries look into.
//!
//! ```ignore
//! optouts::follow(ctx)?;
//! ```
//!
//! A number stands there in each form in which lists of people have it, so that a query compares texts only: E.164, the
//! same without its plus, and for North America the ten digits.

use std::time::Duration;

use prometheus::IntCounterVec;
use serde::Deserialize;
use tracing::warn;
use uuid::Uuid;

use crate::{
    daemon::{ManagerContext, StartError},
    databasehandler::ChangeTx,
    loglimit::LogLimit,
    models::error::Result,
    phone,
    sockhandler::ReceivedEvent,
};

/// The topic of each change.
const CHANGED: &str = "chat-manager.optout.*.changed";
/// One line in this time says that a number cannot be read; the counter has them all.
static UNREAD: LogLimit = LogLimit::new(Duration::from_secs(60));

/// What of the event matters here.
#[derive(Deserialize)]
struct OptOut {
    customer_id: Uuid,
    #[serde(default)]
    number: String,
    opted_out: bool,
}

/// Notes from now on who opts out, or in again.
///
/// # Errors
/// When the figure cannot be made.
pub fn follow(ctx: &ManagerContext) -> std::result::Result<(), StartError> {
    let help =
        "Changes of opt-outs whose number could not be read, so that they changed nothing here";
    let unread = ctx.metrics.counter("optouts_unread_total", help, &[]);
    let unread = unread.map_err(|fault| StartError::Other(fault.to_string()))?;
    ctx.events.on_with(CHANGED, unread, changed);
    Ok(())
}

async fn changed(
    unread: IntCounterVec,
    tx: &mut ChangeTx<'_>,
    event: &ReceivedEvent,
) -> Result<()> {
    let told: OptOut = event.data()?;
    let forms = forms(&told.number);
    if forms.is_empty() {
        unread.with_label_values::<&str>(&[]).inc();
        if UNREAD.admit() {
            let (customer, event_id) = (told.customer_id, &event.message_id);
            warn!(%customer, %event_id, "an opt-out has no number that can be read, and is not obeyed here");
        }
        return Ok(());
    }
    let sql = if told.opted_out {
        // REPLACE is an upsert on both databases.
        format!(
            "REPLACE INTO {}_optouts (customer_id, number) VALUES (?, ?)",
            tx.prefix()
        )
    } else {
        format!(
            "DELETE FROM {}_optouts WHERE customer_id = ? AND number = ?",
            tx.prefix()
        )
    };
    for form in forms {
        let values = vec![told.customer_id.into(), form.into()];
        tx.sql().execute(&sql, values).await?;
    }
    Ok(())
}

/// The forms in which a number is written; none for what is none.
pub fn forms(number: &str) -> Vec<String> {
    let Ok(number) = phone::parse(number) else {
        return Vec::new();
    };
    let number = number.as_str();
    let digits = number.trim_start_matches('+');
    let national = digits.strip_prefix('1').filter(|rest| rest.len() == 10);
    let forms = [Some(number), Some(digits), national];
    forms.into_iter().flatten().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("+14155550123", &["+14155550123", "14155550123", "4155550123"])]
    #[case("+442079460123", &["+442079460123", "442079460123"])]
    #[case("", &[])]
    fn a_number_is_known_in_each_of_its_forms(#[case] number: &str, #[case] expected: &[&str]) {
        assert_eq!(forms(number), expected);
    }
}
