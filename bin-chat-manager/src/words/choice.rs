//! Which of some times a person means: "2", "the second", "tomorrow at 10", "Tuesday works", "another time".

#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use chrono::{Datelike, NaiveDate, Weekday};
use regex::{Captures, Regex};

use super::{finds, pattern, plain};

/// Times that are offered in one text.
pub(crate) const OFFERS: usize = 2;
/// A question of so few words is about the time that it names: "Monday at 10?"
const BARE_WORDS: usize = 4;
/// Minutes of half a day.
const NOON: u16 = 12 * 60;
/// Without am or pm, hours before this are those of the afternoon: nobody is visited at three in the night.
const FIRST_HOUR: u16 = 7;

/// A time by the business's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalTime {
    /// The date.
    pub date: NaiveDate,
    /// Minutes after midnight.
    pub minute: u16,
}

/// What a text says of times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Choice {
    /// This one of those that were offered, from 0.
    Offered(usize),
    /// This one of those that are free, from 0.
    Free(usize),
    /// None of those exactly; these of the free ones are the nearest to what is wanted.
    Near(Vec<usize>),
    /// Nothing about times.
    Nothing,
}

static ORDINAL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?:.{0,40} )?(?:the |option |number |no |slot |time )*(first|1st|second|2nd|third|3rd|fourth|4th)(?: (?:one|option|slot|time))?(?: (?:please|pls|works?|is|good|fine|great|ok|okay|perfect|better|best|sounds|suits|would|be|thanks|thank|you|for|me|us))*$",
    )
});
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?:the |option |number |no |slot |time )*([1-9])(?: (?:please|pls|works?|is|good|fine|great|ok|okay|perfect|thanks|thank|you|for|me|us))*$",
    )
});
static AGREED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?:yes|yep|yeah|sure|ok|okay|book|book it|book that|perfect|great|fine|sounds good|sounds great|that works|works|works for me|that works for me|that is fine|thats fine|that is good|thats good|see you then)(?: (?:please|thanks|thank you|then|for me))*$",
    )
});
static EITHER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?:either|any|both|whichever|whatever)\b(?: (?:one|of them|time|works?|is|are|fine|good|ok|okay|for|me|please))*$",
    )
});
static OTHERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^other$|\b(?:another|other|different|new) (?:time|times|day|days|slot|slots|date)\b|\bneither\b|\bnone of (?:them|those|these)\b|\breschedule\b|\bsomething else\b",
    )
});
static REFUSED: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\b(?:not|cant|cannot|wont|dont|doesnt|isnt|no|unable|except)\b"));
static DAY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(today|tonight|tomorrow|tmrw|mon|monday|tue|tues|tuesday|wed|wednesday|thu|thur|thurs|thursday|fri|friday|sat|saturday|sun|sunday)\b",
    )
});
static CLOCK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(\d{1,2})(?::(\d{2}))? ?(am|pm|a m|p m)\b|\b(\d{1,2}):(\d{2})\b|\bat (\d{1,2})\b(?: o ?clock)?(?: (?:please|works?|is|would|thanks|tomorrow|today|on|then|for)\b.*)?$|\b(noon)\b",
    )
});
static PART: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\b(morning|afternoon|evening|tonight)\b"));

/// A time that is told of, or asked about for another reason than to have it.
static TOLD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:since|was|were|been|had|paid|ago|yesterday|already|last (?:night|week|month|time|mon|tues|wednes|thurs|fri|satur|sun)\w*|until|till|from|home|back|open|opens|opened|closed?|closes|price|prices|priced|cost|costs|costly|charged?|charges|rates?|fees?|expensive|cheap|cheaper|more|extra|how (?:much|long|many)|why|who)\b",
    )
});
/// A question that asks to have a time.
static ASKED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:can|could|would|will|may|do|does|is|are|how about|what about|works?|available|free|possible|ok|okay|good|book|come)\b",
    )
});

/// What somebody wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Wanted {
    date: Option<NaiveDate>,
    minute: Option<u16>,
    part: Option<(u16, u16)>,
}

impl Wanted {
    fn read(text: &str, today: NaiveDate) -> Self {
        let found = |pattern: &Option<Regex>| -> Option<String> {
            let found = pattern.as_ref()?.captures(text)?;
            found.get(1).map(|word| word.as_str().to_owned())
        };
        let clock = CLOCK
            .as_ref()
            .and_then(|pattern| pattern.captures_iter(text).last());
        Self {
            date: found(&DAY).and_then(|day| date(&day, today)),
            minute: clock.as_ref().and_then(minute),
            part: found(&PART).map(|part| match part.as_str() {
                "morning" => (0, NOON),
                "afternoon" => (NOON, 17 * 60),
                _ => (17 * 60, 24 * 60),
            }),
        }
    }

    fn says_something(&self) -> bool {
        self.date.is_some() || self.minute.is_some() || self.part.is_some()
    }

    fn fits(&self, time: LocalTime) -> bool {
        self.date.is_none_or(|date| date == time.date)
            && self.minute.is_none_or(|minute| minute == time.minute)
            && self
                .part
                .is_none_or(|(from, to)| (from..to).contains(&time.minute))
    }

    /// How far a time is from what is wanted: the day counts first.
    fn distance(&self, time: LocalTime) -> (i64, u16) {
        let days = self
            .date
            .map_or(0, |date| (time.date - date).num_days().abs());
        let minutes = match (self.minute, self.part) {
            (Some(minute), _) => minute.abs_diff(time.minute),
            (None, Some((from, to))) if !(from..to).contains(&time.minute) => {
                from.abs_diff(time.minute).min(to.abs_diff(time.minute))
            }
            _ => 0,
        };
        (days, minutes)
    }
}

fn date(word: &str, today: NaiveDate) -> Option<NaiveDate> {
    let weekday: Weekday = match word {
        "today" | "tonight" => return Some(today),
        "tomorrow" | "tmrw" => return today.succ_opt(),
        word => word.get(..3)?.parse().ok()?,
    };
    today
        .iter_days()
        .take(7)
        .find(|day| day.weekday() == weekday)
}

fn minute(found: &Captures<'_>) -> Option<u16> {
    let number = |at: usize| -> Option<u16> { found.get(at)?.as_str().parse().ok() };
    if found.get(7).is_some() {
        return Some(NOON);
    }
    let (hour, minutes, half) = match (number(1), number(4), number(6)) {
        (Some(hour), ..) => (hour, number(2).unwrap_or(0), found.get(3)),
        (_, Some(hour), _) => (hour, number(5).unwrap_or(0), None),
        (.., hour) => (hour?, 0, None),
    };
    let half = half.map(|half| half.as_str().starts_with('p'));
    let hour = match half {
        Some(_) if hour == 0 || hour > 12 => return None,
        Some(is_pm) => hour % 12 + if is_pm { 12 } else { 0 },
        None if hour < FIRST_HOUR => hour + 12,
        None => hour,
    };
    (hour < 24 && minutes < 60).then_some(hour * 60 + minutes)
}

/// Times that were offered, by the business's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offered<'o> {
    /// In the order of the text that offered them.
    pub times: &'o [LocalTime],
    /// Whether that text was our last one: only then "2", "the second" or "yes" answers it.
    pub is_asked: bool,
}

/// What a text says of times that were `offered` and those that are `free`, both by the business's clock, whose day is
/// `today`. What may mean two things means nothing.
pub(crate) fn read(
    text: &str,
    offered: Offered<'_>,
    free: &[LocalTime],
    today: NaiveDate,
) -> Choice {
    let asked = if offered.is_asked {
        offered.times.len()
    } else {
        0
    };
    let offered = offered.times;
    let is_question = text.contains(['?', '¿', '？']);
    let text = spoken(text);
    let is_refused = finds(&REFUSED, &text) || finds(&OTHERS, &text);
    if !is_refused && let Some(at) = position(&text, asked) {
        return Choice::Offered(at);
    }
    let is_bare = text.split(' ').count() <= BARE_WORDS;
    if finds(&TOLD, &text) || is_question && !is_bare && !finds(&ASKED, &text) {
        return Choice::Nothing;
    }
    let wanted = Wanted::read(&text, today);
    if wanted.says_something() && !finds(&REFUSED, &text) {
        return named(wanted, offered, free);
    }
    if is_refused && finds(&OTHERS, &text) {
        return Choice::Near(others(offered, free));
    }
    Choice::Nothing
}

fn named(wanted: Wanted, offered: &[LocalTime], free: &[LocalTime]) -> Choice {
    let fitting: Vec<_> = matching(wanted, offered);
    if let [only] = fitting.as_slice() {
        return Choice::Offered(*only);
    }
    // Whoever names a day and an hour means that one time.
    let is_exact = wanted.date.is_some() && wanted.minute.is_some();
    if is_exact && let Some(first) = matching(wanted, free).first() {
        return Choice::Free(*first);
    }
    let mut near: Vec<_> = (0..free.len()).collect();
    near.sort_by_key(|at| free.get(*at).map(|time| (wanted.distance(*time), *time)));
    Choice::Near(spread(near, free))
}

fn matching(wanted: Wanted, times: &[LocalTime]) -> Vec<usize> {
    let times = times.iter().enumerate();
    times
        .filter(|(_, time)| wanted.fits(**time))
        .map(|(at, _)| at)
        .collect()
}

/// Others than those that were offered: one of another day first.
fn others(offered: &[LocalTime], free: &[LocalTime]) -> Vec<usize> {
    let is_new = |at: &usize| free.get(*at).is_some_and(|time| !offered.contains(time));
    let of_other_days = |at: &usize| {
        let date = free.get(*at).map(|time| time.date);
        offered.iter().any(|time| Some(time.date) == date)
    };
    let mut all: Vec<_> = (0..free.len()).filter(is_new).collect();
    all.sort_by_key(|at| (of_other_days(at), *at));
    spread(all, free)
}

/// Some of these, the best first, none within an hour of another.
fn spread(order: Vec<usize>, free: &[LocalTime]) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    for at in order {
        let Some(time) = free.get(at) else { continue };
        let is_close = chosen
            .iter()
            .filter_map(|other| free.get(*other))
            .any(|other| other.date == time.date && other.minute.abs_diff(time.minute) < 60);
        if !is_close {
            chosen.push(at);
        }
        if chosen.len() == OFFERS {
            break;
        }
    }
    chosen.sort_unstable();
    chosen
}

/// Which of so many.
fn position(text: &str, count: usize) -> Option<usize> {
    let word = |pattern: &Option<Regex>| -> Option<String> {
        let found = pattern.as_ref()?.captures(text)?;
        Some(found.get(1)?.as_str().to_owned())
    };
    let at = if let Some(number) = word(&NUMBER) {
        number.parse::<usize>().ok()?.checked_sub(1)?
    } else if let Some(ordinal) = word(&ORDINAL) {
        match ordinal.as_str() {
            "first" | "1st" => 0,
            "second" | "2nd" => 1,
            "third" | "3rd" => 2,
            _ => 3,
        }
    } else if count > 0 && finds(&EITHER, text) || count == 1 && finds(&AGREED, text) {
        0
    } else {
        return None;
    };
    (at < count).then_some(at)
}

/// Small letters and figures with single spaces; colons stay between figures.
fn spoken(text: &str) -> String {
    let plain = plain(text);
    let marks = plain.chars().map(|c| {
        if c.is_alphanumeric() || c == ':' {
            c
        } else {
            ' '
        }
    });
    let text: String = marks.collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
