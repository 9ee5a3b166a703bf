//! What was said of times, and which of them are offered.

use rstest::rstest;

use super::*;

/// Times that may be offered, in these words.
pub(in super::super) fn times(texts: &[&str]) -> Times {
    let told = texts.iter().enumerate().map(|(at, text)| Offer {
        slot: slot(at as i64),
        text: (*text).to_owned(),
        ..Offer::default()
    });
    Times {
        told: told.collect(),
        ..Times::default()
    }
}

fn slot(hour: i64) -> Slot {
    // Monday, 9:00 in UTC.
    let start = "2026-11-30T09:00:00Z".parse::<Timestamp>().unwrap();
    let start = Timestamp::from_micros(start.micros() + hour * 3_600_000_000);
    Slot {
        resource_id: Uuid::from_u128(5),
        tm_start: start,
        tm_end: Timestamp::from_micros(start.micros() + 3_600_000_000),
    }
}

fn calendar<'b>(business: &'b Business, free: &[i64], offered: &[i64]) -> Calendar<'b> {
    Calendar {
        business,
        free: free.iter().map(|hour| slot(*hour)).collect(),
        offered: offered.iter().map(|hour| slot(*hour)).collect(),
        now: "2026-11-27T12:00:00Z".parse().unwrap(),
    }
}

fn read(free: &[i64], offered: &[i64], texts: &[&str], time: &str) -> Times {
    let business = Business::default();
    let calendar = calendar(&business, free, offered);
    let texts: Vec<_> = texts
        .iter()
        .map(|body| Text {
            body,
            is_asked: true,
        })
        .collect();
    let findings = Findings {
        time: time.to_owned(),
        ..Findings::default()
    };
    calendar.read(&texts, &findings, false)
}

/// What was said, from the first: `>` by us, `x` by us in vain, and else by the person.
fn history(said: &[&str]) -> Vec<Message> {
    let messages = said.iter().enumerate().map(|(at, said)| {
        let (direction, status, body) = match said.split_at(1) {
            (">", body) => (Direction::Outbound, MessageStatus::Sent, body),
            ("x", body) => (Direction::Outbound, MessageStatus::Failed, body),
            _ => (Direction::Inbound, MessageStatus::Received, *said),
        };
        Message {
            seq: at as i64 + 1,
            direction,
            status,
            body: body.to_owned(),
            ..Message::default()
        }
    });
    messages.collect()
}

const OFFER: &str = ">We could come Mon Nov 30, 9:00 AM or Mon Nov 30, 12:00 PM. Which one?";

#[rstest]
#[case(&[OFFER, "2"], &[true])]
#[case(&[OFFER, "how much?", ">How many sinks are clogged?", "2"], &[false, true])]
#[case(&[OFFER, "2", ">This is Mission Plumbing."], &[true])]
#[case(&[OFFER, "xHow many?", "2"], &[true])]
#[case(&["2"], &[false])]
// Other times, or those in another order.
#[case(&[">We could come Mon Nov 30, 12:00 PM or Mon Nov 30, 9:00 AM.", "2"], &[false])]
#[case(&[">We could come Mon Nov 30, 9:00 AM.", "2"], &[false])]
fn a_text_answers_our_last_one(#[case] said: &[&str], #[case] expected: &[bool]) {
    let business = Business::default();
    let calendar = calendar(&business, &[], &[0, 3]);
    let history = history(said);
    let texts = calendar.new_texts(&history, 0);
    let asked: Vec<_> = texts.iter().map(|text| text.is_asked).collect();
    assert_eq!(asked, expected);
}

fn hours(times: &Times) -> Vec<Slot> {
    times.told.iter().map(|offer| offer.slot).collect()
}

#[test]
fn what_was_offered_is_chosen_while_it_is_free() {
    let chosen = |free: &[i64]| read(free, &[0, 3], &["the second"], "").chosen;
    let Chosen::Free(offer) = chosen(&[0, 1, 3]) else {
        panic!("the second is free");
    };
    assert_eq!(
        (offer.slot, &*offer.text),
        (slot(3), "Mon Nov 30, 12:00 PM")
    );
    assert_eq!(chosen(&[0, 1, 2]), Chosen::Taken);
}

#[rstest]
// Nobody is booked who was offered nothing: the time is offered first.
#[case(&[], &["Monday at 11am"], "", Chosen::Nothing, 2)]
#[case(&[], &["12 Main St"], "Monday at 11am", Chosen::Nothing, 2)]
#[case(&[0], &["another time"], "", Chosen::Others, 1)]
#[case(&[1], &["how much is it?"], "", Chosen::Nothing, 1)]
fn the_best_times_are_told_first(
    #[case] offered: &[i64],
    #[case] texts: &[&str],
    #[case] time: &str,
    #[case] chosen: Chosen,
    #[case] first: i64,
) {
    let times = read(&[0, 1, 2, 3], offered, texts, time);
    assert_eq!(times.chosen, chosen);
    assert_eq!(hours(&times).first(), Some(&slot(first)));
}

#[test]
fn the_newest_text_that_says_something_counts() {
    let texts = ["thanks!", "2", "1"];
    let times = read(&[0, 1, 2, 3], &[1, 2], &texts, "");
    let Chosen::Free(offer) = times.chosen else {
        panic!("the second is free");
    };
    assert_eq!(offer.slot, slot(2));
}
