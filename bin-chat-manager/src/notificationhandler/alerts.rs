//! Whom an alert is told: the channels of its rule that name somebody, such as `email:ann@example.com`.

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use serde_json::json;
use tracing::warn;

use super::{ALERT, NotificationCreate, put};
use crate::models::{alert::Alert, alertrule::named};

/// Notifies whoever the alert's channels name; `step` is the type of the event that told what happened to it.
///
/// # Errors
/// 503.
pub(super) async fn tell(tx: &mut ChangeTx<'_>, alert: &Alert, step: &str) -> Result<()> {
    // An alert of the whole installation is no tenant's: whoever watches the metrics sees it.
    if alert.customer_id.is_nil() {
        return Ok(());
    }
    let text = format!(
        "{} is {} (more than {}).",
        alert.metric, alert.value, alert.threshold
    );
    let at = alert.tm_update.micros();
    for (position, channel) in alert.channels.0.iter().enumerate() {
        let Some((channel, to)) = named(channel) else {
            continue;
        };
        let wanted = NotificationCreate {
            channel,
            to: to.to_owned(),
            data: json!({
                "subject": format!("Alert: {}", alert.metric),
                "text": text,
                "alert_id": alert.id,
                "metric": alert.metric,
                "status": alert.status,
                "value": alert.value,
            }),
            key: format!("{ALERT}{}:{step}:{at}:{position}", alert.id),
            ..NotificationCreate::default()
        };
        match put(tx, alert.customer_id, wanted).await {
            Ok(_) => {}
            // An endpoint that was deleted meanwhile, say: the alert itself stands.
            Err(error) if !error.is_fault() => {
                warn!(reason = error.reason(), "an alert's channel is not there");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
