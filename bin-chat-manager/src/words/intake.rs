//! Reads from what a person wrote what a lead needs, by rules: for when there is no model, or none that answers.

use std::sync::LazyLock;

use bin_common_handler::text_enum;
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::{emergency, finds, pattern, plain};

/// Longest text of one finding, in bytes.
const FINDING_MAX: usize = 200;

text_enum!(
    /// How soon it matters.
    pub enum Urgency {
        /// Nothing is said.
        Unknown = "unknown",
        /// It can wait.
        Low = "low",
        /// As usual.
        Normal = "normal",
        /// Today.
        High = "high",
        /// Danger.
        Emergency = "emergency",
    }
);

/// What is known of a lead.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default)]
pub struct Findings {
    /// What is to be done, in the person's words; empty while unknown.
    pub service: String,
    /// Street and number; empty while unknown.
    pub address: String,
    /// US ZIP code; empty while unknown.
    pub zip: String,
    /// When it suits the person, in their words; empty while unknown.
    pub time: String,
    /// How soon it matters.
    pub urgency: Urgency,
}

/// What is asked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Service,
    Address,
    Time,
    Nothing,
}

static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b\d{1,6}[a-z]? (?:(?:n|s|e|w|north|south|east|west)\.? )?(?:[a-z0-9.]+ ){1,4}(?:st|street|ave|avenue|rd|road|blvd|boulevard|ln|lane|dr|drive|ct|court|way|pl|place|ter|terrace|cir|circle|hwy|highway|pkwy|parkway|sq|square|trl|trail|loop)\b\.?(?:,? (?:apt|unit|suite|ste|#) ?[a-z0-9-]+)?",
    )
});
static ZIP: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\b(\d{5})(?:-\d{4})?(?:[^\d]|$)"));
static TIME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:(?:this|next|on|any) )?(?:today|tonight|tomorrow|monday|tuesday|wednesday|thursday|friday|saturday|sunday|weekend|week|morning|afternoon|evening|asap|right away|as soon as possible|anytime|any time|now)(?: (?:morning|afternoon|evening|night))?(?:,? (?:at|around|after|before|by|between) \d{1,2}(?::\d{2})? ?(?:am|pm)?)?|\b(?:at|around|after|before|by) \d{1,2}(?::\d{2})? ?(?:am|pm)\b|\b\d{1,2}(?::\d{2})? ?(?:am|pm)\b",
    )
});
static SERVICE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:leak\w*|drip\w*|clog\w*|drain\w*|toilet|faucet|sink|shower|tub|pipe\w*|sewer|sewage|water heater|plumb\w*|disposal|pump|outlet\w*|breaker\w*|panel|wiring|rewire|light\w*|fan|switch\w*|generator|charger|electric\w*|furnace|boiler|heat\w*|ac|a/c|air ?condition\w*|hvac|thermostat|duct\w*|cool\w*|roof\w*|gutter\w*|shingle\w*|window\w*|door\w*|lock\w*|rekey|garage|fence|deck|paint\w*|drywall|floor\w*|tile\w*|carpet|clean\w*|mow\w*|lawn|tree\w*|landscap\w*|sprinkler\w*|pest\w*|mice|mouse|rat|rats|ants?|roach\w*|termite\w*|bed ?bugs?|wasps?|tooth|teeth|dent\w*|appliance|washer|dryer|dishwasher|fridge|refrigerator|oven|stove|install\w*|repair\w*|replac\w*|fix\w*|broken|inspect\w*|estimate|quote|tow\w*|tire\w*|brake\w*|oil change|battery|mov(?:e|ing)|haul\w*|junk|remodel\w*|renovat\w*|permit)\b",
    )
});
static SOON: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:asap|urgent\w*|right away|as soon as possible|today|now|immediately|emergency|hurry|tonight)\b",
    )
});
static LATER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"\b(?:no rush|no hurry|whenever|any ?time|next month|not urgent|when you can)\b")
});

/// What a model read in what a person wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub service: String,
    pub address: String,
    pub urgency: Urgency,
}

impl Heard {
    /// Fills in what the rules did not find. What they found stays: they read the words themselves.
    pub(crate) fn note(&self, findings: &mut Findings) {
        if findings.service.is_empty() {
            findings.service = cut(&self.service);
        }
        if findings.address.is_empty() {
            findings.address = cut(&self.address);
        }
        let is_danger = self.urgency == Urgency::Emergency;
        if is_danger || findings.urgency == Urgency::Unknown {
            findings.urgency = self.urgency;
        }
    }
}

impl Findings {
    /// Adds what one text tells. What was found first stays, except a place or a time that is told anew.
    pub(crate) fn read(&mut self, text: &str) {
        let plain = plain(text);
        if self.service.is_empty() && finds(&SERVICE, &plain) {
            self.service = cut(text);
        }
        if let Some(found) = first(&ADDRESS, text) {
            self.address = cut(found);
        }
        let zip = ZIP
            .as_ref()
            .and_then(|pattern| pattern.captures_iter(text).last())
            .and_then(|found| found.get(1));
        // The number of a house may have five figures, too.
        if let Some(zip) = zip.filter(|zip| !self.address.starts_with(zip.as_str())) {
            zip.as_str().clone_into(&mut self.zip);
        }
        if let Some(found) = first(&TIME, text) {
            self.time = cut(found);
        }
        // What was a danger once is nothing to calm down about by rules.
        let is_danger = emergency::is_one(text) || self.urgency == Urgency::Emergency;
        self.urgency = if is_danger {
            Urgency::Emergency
        } else if finds(&LATER, &plain) {
            Urgency::Low
        } else if finds(&SOON, &plain) {
            Urgency::High
        } else if self.urgency == Urgency::Unknown && !self.service.is_empty() {
            Urgency::Normal
        } else {
            self.urgency
        };
    }

    /// What a lead still lacks.
    pub(crate) fn missing(&self) -> Missing {
        if self.service.is_empty() {
            Missing::Service
        } else if self.address.is_empty() && self.zip.is_empty() {
            Missing::Address
        } else if self.time.is_empty() {
            Missing::Time
        } else {
            Missing::Nothing
        }
    }
}

fn first<'t>(pattern: &Option<Regex>, text: &'t str) -> Option<&'t str> {
    let found = pattern.as_ref().and_then(|pattern| pattern.find(text))?;
    Some(found.as_str().trim())
}

fn cut(text: &str) -> String {
    let text = text.trim();
    let mut end = text.len().min(FINDING_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn findings(texts: &[&str]) -> Findings {
        let mut findings = Findings::default();
        texts.iter().for_each(|text| findings.read(text));
        findings
    }

    #[rstest]
    #[case(&["Hi"], Missing::Service)]
    #[case(&["My sink is clogged"], Missing::Address)]
    #[case(&["My sink is clogged", "12 Main Street, 94107"], Missing::Time)]
    #[case(&["My sink is clogged", "94107", "tomorrow morning"], Missing::Nothing)]
    #[case(&["Clogged sink at 12 N Oak Ave, tomorrow after 3pm"], Missing::Nothing)]
    fn a_conversation_goes_on_to_a_lead(#[case] texts: &[&str], #[case] missing: Missing) {
        assert_eq!(findings(texts).missing(), missing);
    }

    #[rstest]
    #[case(
        "I am at 1250 W 5th St, apt 4, 94107-1234",
        "1250 W 5th St, apt 4",
        "94107"
    )]
    #[case("94107", "", "94107")]
    #[case("12345 Elm Road", "12345 Elm Road", "")]
    #[case("12345 Elm Road 94110", "12345 Elm Road", "94110")]
    #[case("call 4155550123", "", "")]
    #[case("nothing here", "", "")]
    fn places_are_found(#[case] text: &str, #[case] address: &str, #[case] zip: &str) {
        let found = findings(&[text]);
        assert_eq!((found.address.as_str(), found.zip.as_str()), (address, zip));
    }

    #[rstest]
    #[case("tomorrow morning works", "tomorrow morning")]
    #[case("on Tuesday at 3pm", "on Tuesday at 3pm")]
    #[case("around 5:30 pm", "around 5:30 pm")]
    #[case("hello", "")]
    fn times_are_found(#[case] text: &str, #[case] time: &str) {
        assert_eq!(findings(&[text]).time, time);
    }

    #[rstest]
    #[case(&["the faucet drips"], Urgency::Normal)]
    #[case(&["the faucet drips, no rush"], Urgency::Low)]
    #[case(&["need it fixed today"], Urgency::High)]
    #[case(&["I smell gas", "no rush"], Urgency::Emergency)]
    #[case(&["hello"], Urgency::Unknown)]
    fn urgency_is_read(#[case] texts: &[&str], #[case] urgency: Urgency) {
        assert_eq!(findings(texts).urgency, urgency);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_harm(text in "\\PC{0,400}") {
            let found = findings(&[&text]);
            prop_assert!(found.service.len() <= FINDING_MAX && found.address.len() <= FINDING_MAX);
        }
    }
}
