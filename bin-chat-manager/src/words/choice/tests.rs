//! What people write, and which time they mean.

use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// A Friday.
fn today() -> NaiveDate {
    "2026-11-27".parse().unwrap()
}

fn at(day: u32, hour: u16, minute: u16) -> LocalTime {
    LocalTime {
        date: NaiveDate::from_ymd_opt(2026, 11, day).unwrap(),
        minute: hour * 60 + minute,
    }
}

/// Friday at 15:00 and Saturday at 10:00.
fn offered() -> Vec<LocalTime> {
    vec![at(27, 15, 0), at(28, 10, 0)]
}

fn free() -> Vec<LocalTime> {
    let of_day = |day| {
        [
            at(day, 9, 0),
            at(day, 10, 0),
            at(day, 15, 0),
            at(day, 16, 0),
        ]
    };
    [27, 28, 30].into_iter().flat_map(of_day).collect()
}

fn chosen(text: &str) -> Choice {
    read(text, asked(&offered()), &free(), today())
}

fn asked(times: &[LocalTime]) -> Offered<'_> {
    Offered {
        times,
        is_asked: true,
    }
}

#[rstest]
#[case("2", 1)]
#[case(" #2 ", 1)]
#[case("Option 1 please", 0)]
#[case("the second", 1)]
#[case("The second one works for me!", 1)]
#[case("I'll take the first one", 0)]
#[case("1st is fine", 0)]
#[case("Either works", 0)]
#[case("today", 0)]
#[case("Saturday works", 1)]
#[case("tomorrow at 10", 1)]
#[case("3pm", 0)]
#[case("at 3 please", 0)]
#[case("10:00", 1)]
#[case("tomorrow morning", 1)]
fn one_of_the_offers_is_meant(#[case] text: &str, #[case] expected: usize) {
    assert_eq!(chosen(text), Choice::Offered(expected), "{text}");
}

#[rstest]
#[case("Monday at 9am", 8)]
#[case("tomorrow at 4", 7)]
#[case("mon 15:00", 10)]
#[case("Monday at 9am?", 8)]
#[case("Can you come Monday at 9am?", 8)]
#[case("How about Monday at 9am?", 8)]
#[case("Is Monday at 9am ok?", 8)]
#[case("Would Monday at 9am work for you?", 8)]
fn a_day_and_an_hour_are_one_time(#[case] text: &str, #[case] expected: usize) {
    assert_eq!(chosen(text), Choice::Free(expected), "{text}");
}

#[rstest]
// Taken, or never free: the nearest of that day.
#[case("tomorrow at 11am", &[4, 5])]
#[case("Monday", &[8, 9])]
#[case("monday afternoon", &[10, 11])]
#[case("OTHER", &[8, 9])]
#[case("Another time please", &[8, 9])]
#[case("neither", &[8, 9])]
fn other_times_are_offered(#[case] text: &str, #[case] expected: &[usize]) {
    assert_eq!(chosen(text), Choice::Near(expected.to_vec()), "{text}");
}

#[rstest]
#[case("")]
#[case("3")]
#[case("0")]
#[case("the third")]
#[case("ok")]
#[case("Yes")]
#[case("How much is it?")]
#[case("not the second")]
#[case("I can't do tomorrow at 10")]
#[case("no")]
#[case("My second floor bathroom leaks")]
#[case("12 Main Street")]
#[case("2 toilets are clogged")]
#[case("94107")]
#[case("There are 3 of us")]
#[case("It has been leaking since Monday at 10am")]
#[case("Is Monday at 10am more expensive?")]
#[case("what is the price on Monday at 10am?")]
#[case("how much would it cost tomorrow at 9am")]
#[case("Are you open Monday at 10am?")]
#[case("Great! My wife is home from Monday at 9am")]
#[case("I paid the last plumber on Monday at 9am")]
#[case("Is Saturday at 10am cheaper?")]
#[case("Last Monday at 9am somebody looked at it")]
#[case("Why Monday at 9am?")]
#[case("We were there Monday at 9am")]
#[case("What would you charge on Saturday at 10:00")]
#[case("Do you close at 3 today?")]
#[case("How long does it take on Monday at 9am?")]
#[case("The water came back yesterday at 3pm")]
#[case("I called you already on Monday at 9am")]
#[case("Is there an extra fee on Saturday at 10am?")]
#[case("My neighbour had you on Monday at 9am")]
fn nothing_is_booked_by_accident(#[case] text: &str) {
    assert_eq!(chosen(text), Choice::Nothing, "{text}");
}

#[rstest]
#[case("yes")]
#[case("OK, thanks")]
#[case("Sounds good!")]
#[case("book it")]
fn a_single_offer_is_agreed_to(#[case] text: &str) {
    let one = [at(28, 10, 0)];
    let choice = read(text, asked(&one), &free(), today());
    assert_eq!(choice, Choice::Offered(0), "{text}");
    let nothing = read(text, asked(&[]), &free(), today());
    assert_eq!(nothing, Choice::Nothing, "{text}");
}

#[rstest]
#[case("2", Choice::Nothing)]
#[case("the second", Choice::Nothing)]
#[case("2 please", Choice::Nothing)]
#[case("either", Choice::Nothing)]
#[case("yes", Choice::Nothing)]
// A time by its own name is no answer to a question about sinks.
#[case("tomorrow at 10", Choice::Offered(1))]
fn a_number_answers_what_was_asked_last(#[case] text: &str, #[case] expected: Choice) {
    let offered = offered();
    let before = Offered {
        times: &offered,
        is_asked: false,
    };
    assert_eq!(read(text, before, &free(), today()), expected, "{text}");
    let one = Offered {
        times: &offered[1..],
        is_asked: false,
    };
    assert_eq!(
        read(text, one, &free(), today()),
        match expected {
            Choice::Offered(_) => Choice::Offered(0),
            other => other,
        }
    );
}

proptest! {
    #[test]
    fn any_text_names_only_what_is_there(text in "\\PC{0,80}") {
        match chosen(&text) {
            Choice::Offered(at) => prop_assert!(at < offered().len()),
            Choice::Free(at) => prop_assert!(at < free().len()),
            Choice::Near(some) => {
                prop_assert!(some.len() <= OFFERS);
                prop_assert!(some.iter().all(|at| *at < free().len()));
            }
            Choice::Nothing => {}
        }
    }
}
