//! Opening hours: windows of the week in local time, which may reach past midnight.

use bin_common_handler::models::bad_json;
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value as Json;

use super::check::minutes;

/// Windows at most.
const WINDOWS_MAX: usize = 50;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_OF_DAY: u16 = 24 * 60;

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

/// Opening hours; empty = always open.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Hours(pub Vec<Window>);

impl<'de> Deserialize<'de> for Hours {
    /// Accepts a list of windows, one window, or `09:00-21:00` for every day.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refuse = |_| de::Error::custom("must be windows with days, from and to");
        let windows = match Json::deserialize(deserializer)? {
            Json::Null => Vec::new(),
            many @ Json::Array(_) => bad_json::from_value(many).map_err(refuse)?,
            one @ Json::Object(_) => vec![bad_json::from_value(one).map_err(refuse)?],
            Json::String(text) if text.is_empty() => Vec::new(),
            Json::String(text) => {
                let (from, to) = text
                    .split_once('-')
                    .ok_or_else(|| de::Error::custom("write hours as 09:00-21:00"))?;
                vec![Window {
                    days: Vec::new(),
                    from: from.trim().to_owned(),
                    to: to.trim().to_owned(),
                }]
            }
            Json::Bool(_) | Json::Number(_) => {
                return Err(de::Error::custom("must be windows with days, from and to"));
            }
        };
        if windows.len() > WINDOWS_MAX {
            return Err(de::Error::custom("at most 50 windows"));
        }
        if !windows.iter().all(Window::is_valid) {
            return Err(de::Error::custom(
                "a window has days among mon … sun and times such as 09:00",
            ));
        }
        Ok(Self(windows))
    }
}

impl Hours {
    /// Whether it is open on the weekday (0 = Monday) at so many minutes after midnight, local time.
    pub fn is_open(&self, weekday: usize, minute: u16) -> bool {
        self.0.is_empty() || self.0.iter().any(|window| window.holds(weekday, minute))
    }
}

impl Window {
    fn is_valid(&self) -> bool {
        self.days.iter().all(|day| DAYS.contains(&day.as_str()))
            && minutes(&self.from).is_some()
            && end(&self.to).is_some()
    }

    fn is_on(&self, weekday: usize) -> bool {
        self.days.is_empty()
            || DAYS
                .get(weekday)
                .is_some_and(|day| self.days.iter().any(|d| d == day))
    }

    fn holds(&self, weekday: usize, minute: u16) -> bool {
        let (Some(from), Some(to)) = (minutes(&self.from), end(&self.to)) else {
            return false;
        };
        let yesterday = (weekday + 6) % 7;
        if from < to {
            return self.is_on(weekday) && (from..to).contains(&minute);
        }
        (self.is_on(weekday) && minute >= from) || (self.is_on(yesterday) && minute < to)
    }
}

fn end(text: &str) -> Option<u16> {
    if text == "24:00" {
        return Some(MINUTES_OF_DAY);
    }
    minutes(text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn hours(json: &str) -> Hours {
        serde_json::from_str(json).unwrap()
    }

    #[rstest]
    #[case(r#"{"Days":["fri"],"FROM":"22:00","to":"02:00"}"#)]
    #[case(r#"[{"days":["fri"],"From":"22:00","TO":"02:00"}]"#)]
    fn keys_may_be_in_any_case(#[case] json: &str) {
        assert_eq!(hours(json), hours(NIGHT));
    }

    #[rstest]
    #[case(r#"{"from":"22:00","FROM":"21:00","to":"02:00"}"#)]
    #[case(r#"[{"from":"22:00","to":"02:00","To":"03:00"}]"#)]
    #[case("7")]
    #[case("true")]
    fn a_doubled_key_is_refused(#[case] json: &str) {
        assert!(serde_json::from_str::<Hours>(json).is_err());
    }

    const OFFICE: &str = r#"[{"days":["mon","tue"],"from":"09:00","to":"17:30"}]"#;
    const NIGHT: &str = r#"{"days":["fri"],"from":"22:00","to":"02:00"}"#;

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
    #[case(r#""00:00-24:00""#, 3, 1_439, true)]
    #[case(r#""06:00-06:00""#, 3, 0, true)]
    #[case("null", 3, 0, true)]
    #[case("[]", 3, 0, true)]
    fn a_window_may_reach_past_midnight(
        #[case] json: &str,
        #[case] weekday: usize,
        #[case] minute: u16,
        #[case] open: bool,
    ) {
        assert_eq!(hours(json).is_open(weekday, minute), open);
    }

    #[rstest]
    #[case(r#"[{"from":"9","to":"17:00"}]"#)]
    #[case(r#"[{"days":["monday"],"from":"09:00","to":"17:00"}]"#)]
    #[case(r#""all day""#)]
    #[case("7")]
    fn anything_else_is_refused(#[case] json: &str) {
        assert!(serde_json::from_str::<Hours>(json).is_err());
    }
}
