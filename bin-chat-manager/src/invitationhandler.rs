//! Invitations to appointments by mail (RFC 5546, RFC 6047): whoever it is for and whoever does the work have it in their own
//! calendars. Each change of an appointment is one mail to each of them; who has nothing to do with it any more is told so.

use std::collections::BTreeMap;

use bin_common_handler::{databasehandler::ChangeTx, ids, models::error::Result};
use serde_json::json;
use tracing::warn;
use uuid::Uuid;

use crate::{
    app::App,
    booking::ical::Method,
    calendarhandler::INVITATION,
    dbhandler::sessions,
    models::{
        appointment::Appointment,
        bookable::Bookable,
        conversation::{Channel, Conversation},
        notification::{NotificationChannel, mail_address},
    },
    notificationhandler::{self, NotificationCreate},
};

/// Invites whoever has an address, and takes back what no longer is. `before` is what they know; none for a new appointment.
/// Without a mail server nobody is invited.
///
/// # Errors
/// 503.
pub(crate) async fn invite(
    app: &App,
    tx: &mut ChangeTx<'_>,
    before: Option<&Appointment>,
    after: &Appointment,
) -> Result<()> {
    if app.mailer.from().is_none() {
        return Ok(());
    }
    let were = match before {
        Some(before) => invited(tx, before).await?,
        None => Vec::new(),
    };
    let are = invited(tx, after).await?;
    // That the work has begun, or is done, changes nobody's plans.
    let is_ahead = after.status.may_move();
    let is_changed = before.is_none_or(|before| is_ahead && after.differs_for_calendars(before));
    for (to, method) in mails(&were, &are, is_changed) {
        put(tx, after, &to, method).await?;
    }
    Ok(())
}

/// Where the person of a conversation reads mail; empty where that is not known.
///
/// # Errors
/// 503.
pub(crate) async fn address_of(
    tx: &mut ChangeTx<'_>,
    customer_id: Uuid,
    conversation_id: Uuid,
) -> Result<String> {
    let found = tx.get::<Conversation>(conversation_id).await?;
    let Some(conversation) = found.filter(|it| it.customer_id == customer_id) else {
        return Ok(String::new());
    };
    let address = match conversation.channel {
        Channel::Email => conversation.person,
        Channel::Web => sessions::visitor_of(tx, conversation_id)
            .await?
            .map(|visitor| visitor.email)
            .unwrap_or_default(),
        _ => String::new(),
    };
    Ok(Some(address)
        .filter(|address| mail_address("email", address).is_ok())
        .unwrap_or_default())
}

/// Who is invited to an appointment as it is: nobody to one that is off.
async fn invited(tx: &mut ChangeTx<'_>, appointment: &Appointment) -> Result<Vec<String>> {
    if appointment.is_off() {
        return Ok(Vec::new());
    }
    let resource = tx.get::<Bookable>(appointment.resource_id).await?;
    let theirs = resource.map(|resource| resource.email).unwrap_or_default();
    let all = [appointment.email.clone(), theirs];
    Ok(all.into_iter().filter(|to| !to.is_empty()).collect())
}

/// Who gets which mail.
fn mails(were: &[String], are: &[String], is_changed: bool) -> BTreeMap<String, Method> {
    let gone = were.iter().filter(|to| !are.contains(to));
    let told = are.iter().filter(|to| is_changed || !were.contains(to));
    gone.map(|to| (to.clone(), Method::Cancel))
        .chain(told.map(|to| (to.clone(), Method::Request)))
        .collect()
}

async fn put(
    tx: &mut ChangeTx<'_>,
    appointment: &Appointment,
    to: &str,
    method: Method,
) -> Result<()> {
    let title = match appointment.title.as_str() {
        "" => "Appointment",
        title => title,
    };
    let (subject, text) = match method {
        Method::Request => (
            "Appointment",
            "The appointment is in the calendar of this mail.",
        ),
        Method::Cancel => ("Canceled", "This appointment does not take place."),
    };
    // One line, as a header is.
    let title: String = title.chars().filter(|c| !c.is_control()).collect();
    let data = json!({
        "subject": bounded(&format!("{subject}: {title}")),
        "text": format!("{title}\n\n{text}"),
        "appointment_id": appointment.id,
        "method": method,
    });
    let wanted = NotificationCreate {
        channel: NotificationChannel::Email,
        to: to.to_owned(),
        data,
        // One mail for each change and each of its readers; the change itself is made once.
        key: format!("{INVITATION}{}:{}", appointment.id, ids::next()),
        ..NotificationCreate::default()
    };
    match notificationhandler::put(tx, appointment.customer_id, wanted).await {
        Ok(_) => Ok(()),
        // The appointment stands, whatever is wrong with an address.
        Err(error) if !error.is_fault() => {
            warn!(reason = error.reason(), "nobody could be invited");
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn bounded(subject: &str) -> String {
    subject
        .chars()
        .take(bin_common_handler::models::text::NAME_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const ANN: &str = "ann@example.org";
    const VAN: &str = "van@example.org";

    #[rstest]
    #[case::new(&[], &[ANN, VAN], true, &[(ANN, Method::Request), (VAN, Method::Request)])]
    #[case::moved(&[ANN], &[ANN], true, &[(ANN, Method::Request)])]
    #[case::nothing_changed(&[ANN], &[ANN], false, &[])]
    #[case::an_address_is_known_now(&[VAN], &[ANN, VAN], false, &[(ANN, Method::Request)])]
    #[case::somebody_else_comes(
        &[ANN, VAN],
        &[ANN, "bus@example.org"],
        true,
        &[(ANN, Method::Request), ("bus@example.org", Method::Request), (VAN, Method::Cancel)]
    )]
    #[case::off(&[ANN, VAN], &[], true, &[(ANN, Method::Cancel), (VAN, Method::Cancel)])]
    #[case::it_was_off(&[], &[], true, &[])]
    fn who_is_told_what(
        #[case] were: &[&str],
        #[case] are: &[&str],
        #[case] is_changed: bool,
        #[case] expected: &[(&str, Method)],
    ) {
        let owned = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let expected: BTreeMap<_, _> = expected
            .iter()
            .map(|(to, method)| ((*to).to_owned(), *method))
            .collect();
        assert_eq!(mails(&owned(were), &owned(are), is_changed), expected);
    }
}
