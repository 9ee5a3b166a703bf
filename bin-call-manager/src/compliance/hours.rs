//! Whether a place may be called at an instant, and when next. Windows are of the wall clock there: an hour that
//! daylight saving repeats is twice what it says, and one that it skips is not there.

use bin_common_handler::models::time::Timestamp;
use chrono::{
    DateTime, Days, Duration, LocalResult, NaiveDate, NaiveTime, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;

use super::{
    place::Place,
    rules::{Day, Layer, in_force},
};

/// How far ahead an open hour is looked for. No state is closed for longer.
const DAYS_AHEAD: u64 = 15;
/// No change of the clock skips more.
const GAP_MINUTES: i64 = 180;

/// Local date, and second of the day.
pub(super) fn local(zone: Tz, at: Timestamp) -> (NaiveDate, u32) {
    let local = utc(at).with_timezone(&zone).naive_local();
    (local.date(), local.time().num_seconds_from_midnight())
}

fn utc(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.micros()).unwrap_or_default()
}

/// The rule by which the place is closed; none when it is open.
pub(super) fn closed_by(place: Place, own: &[Layer], at: Timestamp) -> Option<&Layer> {
    let (date, second) = local(place.zone, at);
    in_force(own, place.state, date).find(|layer| !layer.day(date, place.state).allows(second))
}

/// The first instant from `at` on at which the place is open; none within two weeks.
pub(super) fn next_open(place: Place, own: &[Layer], at: Timestamp) -> Option<Timestamp> {
    if closed_by(place, own, at).is_none() {
        return Some(at);
    }
    let (today, _) = local(place.zone, at);
    (0..=DAYS_AHEAD).find_map(|ahead| {
        let date = today.checked_add_days(Days::new(ahead))?;
        opening_on(place, own, date)
            .into_iter()
            .filter(|instant| *instant >= at && closed_by(place, own, *instant).is_none())
            .min()
    })
}

/// Every instant of a date at which one of its windows opens.
fn opening_on(place: Place, own: &[Layer], date: NaiveDate) -> Vec<Timestamp> {
    let mut instants = Vec::new();
    for layer in in_force(own, place.state, date) {
        if let Day::Window(open, close) = layer.day(date, place.state)
            && open < close
        {
            push(&mut instants, place.zone, date, open);
        }
    }
    instants
}

fn push(instants: &mut Vec<Timestamp>, zone: Tz, date: NaiveDate, second: u32) {
    let Some(time) = NaiveTime::from_num_seconds_from_midnight_opt(second, 0) else {
        return;
    };
    let wall = date.and_time(time);
    let stamp = |time: DateTime<Tz>| Timestamp::from_micros(time.timestamp_micros());
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(time) => instants.push(stamp(time)),
        LocalResult::Ambiguous(first, second) => instants.extend([stamp(first), stamp(second)]),
        // The clock skips it: the first minute that is there again.
        LocalResult::None => {
            let later = (1..=GAP_MINUTES).find_map(|minutes| {
                let wall = wall + Duration::minutes(minutes);
                zone.from_local_datetime(&wall).earliest()
            });
            instants.extend(later.map(stamp));
        }
    }
}
