//! Messages about appointments: the person reads words, and programs the appointment's id.

use bin_common_handler::{
    context::RequestContext,
    models::{
        check::{ensure, wrong},
        error::Result,
    },
    resource,
};
use chrono_tz::Tz;
use uuid::Uuid;

use super::{people::MessageCreate, say};
use crate::{
    app::App,
    models::{
        appointment::Appointment,
        business::time_text,
        conversation::Conversation,
        message::{BODY_MAX, Message, MessageKind},
    },
};

/// The appointment that a message is about, and the words for it.
pub(super) struct About {
    pub id: Uuid,
    words: String,
}

/// What a message is about; none for words alone. Nobody is told of another person's appointment.
///
/// # Errors
/// 400 naming the field; 404; 503.
pub(super) async fn about(
    app: &App,
    ctx: &RequestContext,
    conversation: &Conversation,
    body: &MessageCreate,
) -> Result<Option<About>> {
    let is_one = body.kind == MessageKind::Appointment;
    let Some(id) = body.appointment_id else {
        ensure(
            !is_one,
            "appointment_id",
            "must be given with the kind appointment",
        )?;
        return Ok(None);
    };
    if !is_one {
        return Err(wrong(
            "appointment_id",
            "is given with the kind appointment only",
        ));
    }
    let found = app.store.get::<Appointment>(id).await?;
    let is_theirs = |it: &Appointment| {
        let of = it.conversation_id;
        it.customer_id == conversation.customer_id && (of.is_nil() || of == conversation.id)
    };
    let appointment = found
        .filter(is_theirs)
        .ok_or_else(resource::not_found::<Appointment>)?;
    let business = app.businesses.find(ctx, conversation.customer_id).await;
    let zone = business.map_or(Tz::UTC, |business| business.zone());
    let words = if body.body.is_empty() {
        words(&appointment, zone)
    } else {
        body.body.clone()
    };
    Ok(Some(About { id, words }))
}

/// What it is, and when by the business's clock.
fn words(appointment: &Appointment, zone: Tz) -> String {
    let time = time_text(zone, appointment.tm_start).unwrap_or_default();
    let time = match zone {
        Tz::UTC => format!("{time} UTC"),
        _ => time,
    };
    let mut words = match appointment.title.as_str() {
        "" => format!("Your appointment: {time}"),
        title => format!("{title}: {time}"),
    };
    if !appointment.address.is_empty() {
        words.push_str(", ");
        words.push_str(&appointment.address);
    }
    words.truncate(words.floor_char_boundary(BODY_MAX));
    words
}

impl About {
    /// What is said.
    pub(super) fn words(&self) -> &str {
        &self.words
    }
}

/// What was said for a client's id before, where it is the same again. Words that were ours may be others by now.
///
/// # Errors
/// 409 `CLIENT_MESSAGE_ID_USED`.
pub(super) fn again(said: Message, body: &MessageCreate) -> Result<Message> {
    if said.appointment_id != body.appointment_id {
        return Err(say::id_used());
    }
    let were_ours = body.appointment_id.is_some() && body.body.is_empty();
    let words = if were_ours {
        said.body.clone()
    } else {
        body.body.clone()
    };
    say::again(said, body.kind, &words)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn appointment(title: &str, address: &str) -> Appointment {
        Appointment {
            title: title.to_owned(),
            address: address.to_owned(),
            tm_start: "2026-11-27T14:30:00Z".parse().unwrap(),
            ..Appointment::default()
        }
    }

    #[rstest]
    #[case(
        "Leak",
        "12 Main St",
        "America/New_York",
        "Leak: Fri Nov 27, 9:30 AM, 12 Main St"
    )]
    #[case("", "", "America/New_York", "Your appointment: Fri Nov 27, 9:30 AM")]
    #[case("Leak", "", "UTC", "Leak: Fri Nov 27, 2:30 PM UTC")]
    fn an_appointment_is_told_in_words(
        #[case] title: &str,
        #[case] address: &str,
        #[case] zone: &str,
        #[case] expected: &str,
    ) {
        let told = words(&appointment(title, address), zone.parse().unwrap());
        assert_eq!(told, expected);
    }

    #[test]
    fn words_of_a_long_address_fit_into_a_message() {
        let told = words(&appointment("Leak", &"é".repeat(2_000)), Tz::UTC);
        assert!(told.len() <= BODY_MAX);
    }

    #[rstest]
    #[case::ours(1, "", Some(1), true)]
    #[case::the_same_words(1, "Leak: noon", Some(1), true)]
    #[case::other_words(1, "Leak: nine", Some(1), false)]
    #[case::another_one(1, "", Some(2), false)]
    #[case::none(1, "Leak: noon", None, false)]
    fn the_same_message_again_is_known(
        #[case] said: u128,
        #[case] body: &str,
        #[case] named: Option<u128>,
        #[case] expected: bool,
    ) {
        let said = Message {
            kind: MessageKind::Appointment,
            appointment_id: Some(Uuid::from_u128(said)),
            body: "Leak: noon".to_owned(),
            ..Message::default()
        };
        let body = MessageCreate {
            client_message_id: "1".to_owned(),
            body: body.to_owned(),
            user_id: None,
            kind: MessageKind::Appointment,
            appointment_id: named.map(Uuid::from_u128),
        };
        assert_eq!(again(said, &body).is_ok(), expected);
    }
}
