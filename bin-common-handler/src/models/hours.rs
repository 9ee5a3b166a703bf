//! Opening hours: windows of the week in local time, which may reach past midnight.

use std::borrow::Cow;

use chrono::{DateTime, Datelike, Timelike};
use chrono_tz::Tz;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value as Json;

use super::{bad_json, check::minutes, time::Timestamp};

/// Windows at most.
const WINDOWS_MAX: usize = 50;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Minutes of a day on which no clock is changed.
pub const DAY_MINUTES: u16 = 24 * 60;
/// Minutes of such a week.
pub const WEEK_MINUTES: u16 = 7 * DAY_MINUTES;

/// One window: on these days from `from` until before `to`; a `to` not after `from` is on the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// `mon` … `sun`; empty = every day.
    #[serde(default)]
    pub days: Vec<String>,
    /// `HH:MM`.
    pub from: String,
    /// `HH:MM`; `24:00` is the end of the day.
    pub to: String,
}

/// Opening hours; without windows always open. On the wire: the windows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hours {
    windows: Vec<Window>,
    /// Minutes of the week that are open: ranges without overlap, ascending, ends excluded.
    open: Box<[(u16, u16)]>,
}

impl Hours {
    /// Reads and orders the windows.
    ///
    /// # Errors
    /// What is wrong with them, in words for the caller.
    pub fn new(windows: Vec<Window>) -> Result<Self, &'static str> {
        if windows.len() > WINDOWS_MAX {
            return Err("at most 50 windows");
        }
        let mut open = Vec::new();
        for window in &windows {
            window
                .add_to(&mut open)
                .ok_or("a window has days among mon … sun and times such as 09:00")?;
        }
        Ok(Self {
            windows,
            open: merged(open),
        })
    }

    /// Whether it is open at this minute of the week; 0 is Monday 00:00, local time.
    pub fn is_open(&self, minute_of_week: u16) -> bool {
        let open = self.open();
        let after = open.partition_point(|(start, _)| *start <= minute_of_week);
        after
            .checked_sub(1)
            .and_then(|at| open.get(at))
            .is_some_and(|(_, end)| minute_of_week < *end)
    }

    /// The minutes of the week that are open: ranges without overlap, ascending, ends excluded; all of the week without
    /// windows.
    pub fn open(&self) -> &[(u16, u16)] {
        if self.windows.is_empty() {
            return &[(0, WEEK_MINUTES)];
        }
        &self.open
    }

    /// The windows as they were given.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }
}

impl Serialize for Hours {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.windows.serialize(serializer)
    }
}

impl JsonSchema for Hours {
    fn schema_name() -> Cow<'static, str> {
        "Hours".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        <Vec<Window>>::json_schema(generator)
    }
}

impl<'de> Deserialize<'de> for Hours {
    /// Accepts a list of windows, one window, or `09:00-21:00` for every day.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refuse = |_| de::Error::custom("must be windows with days, from and to");
        let windows = match Json::deserialize(deserializer)? {
            Json::Null => Vec::new(),
            many @ Json::Array(_) => bad_json::from_value(many).map_err(refuse)?,
            one @ Json::Object(_) => vec![bad_json::from_value(one).map_err(refuse)?],
            Json::String(text) if text.is_empty() => Vec::new(),
            Json::String(text) => vec![
                every_day(&text).ok_or_else(|| de::Error::custom("write hours as 09:00-21:00"))?,
            ],
            Json::Bool(_) | Json::Number(_) => {
                return Err(de::Error::custom("must be windows with days, from and to"));
            }
        };
        Self::new(windows).map_err(de::Error::custom)
    }
}

fn every_day(text: &str) -> Option<Window> {
    let (from, to) = text.split_once('-')?;
    Some(Window {
        days: Vec::new(),
        from: from.trim().to_owned(),
        to: to.trim().to_owned(),
    })
}

impl Window {
    /// Adds its ranges of the week; nothing when a day or a time is none.
    fn add_to(&self, open: &mut Vec<(u16, u16)>) -> Option<()> {
        let (from, to) = (minutes(&self.from)?, end(&self.to)?);
        let length = if to > from {
            to - from
        } else {
            to + DAY_MINUTES - from
        };
        let known = |name: &String| DAYS.contains(&name.as_str());
        if !self.days.iter().all(known) {
            return None;
        }
        for (day, name) in (0..).zip(DAYS) {
            if self.days.is_empty() || self.days.iter().any(|on| on == name) {
                let start = day * DAY_MINUTES + from;
                open.push((start, (start + length).min(WEEK_MINUTES)));
                // Sunday night goes on into Monday.
                let over = (start + length).saturating_sub(WEEK_MINUTES);
                if over > 0 {
                    open.push((0, over));
                }
            }
        }
        Some(())
    }
}

fn merged(mut ranges: Vec<(u16, u16)>) -> Box<[(u16, u16)]> {
    ranges.sort_unstable();
    let mut merged: Vec<(u16, u16)> = Vec::new();
    for (start, end) in ranges {
        match merged.last_mut() {
            Some((_, last)) if start <= *last => *last = end.max(*last),
            _ => merged.push((start, end)),
        }
    }
    merged.into_boxed_slice()
}

fn end(text: &str) -> Option<u16> {
    if text == "24:00" {
        return Some(DAY_MINUTES);
    }
    minutes(text)
}

/// Minutes since Monday 00:00 as the clocks of `zone` show them: 0 to 10,079.
pub fn minute_of_week(zone: Tz, at: Timestamp) -> u16 {
    let local = DateTime::from_timestamp_micros(at.micros())
        .unwrap_or_default()
        .with_timezone(&zone);
    let minutes = (local.weekday().num_days_from_monday() * 24 + local.hour()) * 60;
    u16::try_from(minutes + local.minute()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const OFFICE: &str = r#"[{"days":["mon","tue"],"from":"09:00","to":"17:30"}]"#;
    const NIGHT: &str = r#"{"days":["fri"],"from":"22:00","to":"02:00"}"#;
    const SUNDAY_NIGHT: &str = r#"{"days":["sun"],"from":"22:00","to":"02:00"}"#;

    fn hours(json: &str) -> Hours {
        serde_json::from_str(json).unwrap()
    }

    #[rstest]
    #[case(OFFICE, 0, 540, true)]
    #[case(OFFICE, 0, 539, false)]
    #[case(OFFICE, 1, 1_049, true)]
    #[case(OFFICE, 1, 1_050, false)]
    #[case(OFFICE, 2, 600, false)]
    #[case(NIGHT, 4, 1_320, true)]
    #[case(NIGHT, 5, 119, true)]
    #[case(NIGHT, 5, 120, false)]
    #[case(NIGHT, 5, 1_320, false)]
    #[case(NIGHT, 4, 60, false)]
    #[case(SUNDAY_NIGHT, 6, 1_439, true)]
    #[case(SUNDAY_NIGHT, 0, 119, true)]
    #[case(SUNDAY_NIGHT, 0, 120, false)]
    #[case(r#""00:00-24:00""#, 3, 1_439, true)]
    #[case(r#""06:00-06:00""#, 3, 0, true)]
    #[case("null", 3, 0, true)]
    #[case("[]", 3, 0, true)]
    fn a_window_may_reach_past_midnight(
        #[case] json: &str,
        #[case] weekday: u16,
        #[case] minute: u16,
        #[case] open: bool,
    ) {
        assert_eq!(hours(json).is_open(weekday * DAY_MINUTES + minute), open);
    }

    #[rstest]
    #[case(r#"[{"from":"9","to":"17:00"}]"#)]
    #[case(r#"{"from":"09:00","to":"17:00","zone":"UTC"}"#)]
    #[case(r#"{"from":"22:00","FROM":"21:00","to":"02:00"}"#)]
    #[case(r#"[{"from":"22:00","to":"02:00","To":"03:00"}]"#)]
    #[case(r#"[{"days":["monday"],"from":"09:00","to":"17:00"}]"#)]
    #[case(r#""all day""#)]
    #[case("true")]
    #[case("7")]
    fn anything_else_is_refused(#[case] json: &str) {
        assert!(serde_json::from_str::<Hours>(json).is_err());
    }

    #[test]
    fn the_wire_has_the_windows_that_were_given() {
        let given = r#"[{"days":["fri"],"from":"22:00","to":"02:00"}]"#;
        assert_eq!(serde_json::to_string(&hours(given)).unwrap(), given);
    }

    #[rstest]
    // Daylight saving ends in New York on 2026-11-01 at 06:00 UTC.
    #[case("2026-11-01T05:30:00Z", "America/New_York", 6 * 1_440 + 90)]
    #[case("2026-11-01T06:30:00Z", "America/New_York", 6 * 1_440 + 90)]
    #[case("2026-11-02T00:00:00Z", "Asia/Kathmandu", 345)]
    #[case("2026-11-02T00:00:00Z", "UTC", 0)]
    fn each_zone_has_its_own_time(#[case] now: &str, #[case] zone: &str, #[case] minute: u16) {
        let zone: Tz = zone.parse().unwrap();
        assert_eq!(minute_of_week(zone, now.parse().unwrap()), minute);
    }

    #[rstest]
    #[case(r#"{"Days":["fri"],"FROM":"22:00","to":"02:00"}"#)]
    #[case(r#"[{"days":["fri"],"From":"22:00","TO":"02:00"}]"#)]
    fn keys_may_be_in_any_case(#[case] json: &str) {
        assert_eq!(hours(json), hours(NIGHT));
    }

    proptest! {
        /// The ranges say the same as each window by itself.
        #[test]
        fn ranges_are_the_windows(
            windows in proptest::collection::vec((0_usize..8, 0_u16..1_440, 0_u16..=1_440), 1..6),
            at in 0..WEEK_MINUTES,
        ) {
            let text = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
            let hours = Hours::new(windows.iter().map(|(day, from, to)| Window {
                days: DAYS.get(*day).map(|day| (*day).to_owned()).into_iter().collect(),
                from: text(*from),
                to: text(*to),
            }).collect()).unwrap();
            let (weekday, minute) = (usize::from(at / DAY_MINUTES), at % DAY_MINUTES);
            let on = |day: usize, weekday: usize| day == 7 || day == weekday;
            let expected = windows.iter().any(|&(day, from, to)| {
                if from < to {
                    on(day, weekday) && (from..to).contains(&minute)
                } else {
                    (on(day, weekday) && minute >= from) || (on(day, (weekday + 6) % 7) && minute < to)
                }
            });
            prop_assert_eq!(hours.is_open(at), expected);
        }
    }
}
