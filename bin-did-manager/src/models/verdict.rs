//! What became of a call, and how sure that is: reporters tell of one call in different words.

use std::collections::BTreeMap;

use super::customer::Outcome;
use crate::phone::DialStatus;

/// How sure an outcome is. The numbers are only how it is stored; see [`Verdict::or_surer`] for what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It was answered, by whom nobody said: taken for a person.
    Assumed = 1,
    /// The network, the dialer or a machine detector says so.
    Signalled = 2,
    /// The dialer's disposition says so.
    Disposed = 3,
    /// An agent gave the call a disposition that nobody knows: taken for a person, unless anything else is known.
    Guessed = 4,
}

/// An outcome and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// What became of the call.
    pub outcome: Outcome,
    /// How sure that is.
    pub certainty: Certainty,
}

/// Among equally sure outcomes the first of these counts, so that the order of reports does not matter.
const PRECEDENCE: [Outcome; 8] = [
    Outcome::Human,
    Outcome::Machine,
    Outcome::Dead,
    Outcome::Busy,
    Outcome::Congestion,
    Outcome::NoAnswer,
    Outcome::Dropped,
    Outcome::Failed,
];

/// Words of older scripts, without what stands between their letters.
const OLDER_WORDS: [(&str, Verdict); 5] = [
    ("answered", Verdict::ANSWERED),
    ("noanswer", Verdict::signalled(Outcome::NoAnswer)),
    ("busy", Verdict::signalled(Outcome::Busy)),
    ("failed", Verdict::signalled(Outcome::Failed)),
    ("dropped", Verdict::signalled(Outcome::Dropped)),
];

impl Verdict {
    /// Answered, by whom nobody said.
    pub const ANSWERED: Self = Self {
        outcome: Outcome::Human,
        certainty: Certainty::Assumed,
    };

    /// An agent had something to say of the call.
    pub const GUESSED: Self = Self {
        outcome: Outcome::Human,
        certainty: Certainty::Guessed,
    };

    const fn signalled(outcome: Outcome) -> Self {
        Self {
            outcome,
            certainty: Certainty::Signalled,
        }
    }

    /// From Asterisk's `DIALSTATUS`.
    pub const fn of_status(status: DialStatus) -> Self {
        match status {
            DialStatus::Answer => Self::ANSWERED,
            DialStatus::Busy => Self::signalled(Outcome::Busy),
            DialStatus::NoAnswer | DialStatus::Cancel => Self::signalled(Outcome::NoAnswer),
            DialStatus::Congestion | DialStatus::ChanUnavail => {
                Self::signalled(Outcome::Congestion)
            }
            DialStatus::Failed
            | DialStatus::DontCall
            | DialStatus::Torture
            | DialStatus::InvalidArgs => Self::signalled(Outcome::Failed),
        }
    }

    /// From a `DIALSTATUS` or an older script's word, whatever its case and separators.
    pub fn of_word(text: &str) -> Option<Self> {
        let word: String = text
            .chars()
            .filter(|c| !matches!(c, '-' | '_' | ' '))
            .collect();
        let older = OLDER_WORDS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&word));
        older
            .map(|(_, verdict)| *verdict)
            .or_else(|| DialStatus::parse(&word).map(Self::of_status))
    }

    /// From a disposition: the tenant's own meaning of it first, then VICIdial's.
    pub fn of_disposition(code: &str, own: &BTreeMap<String, Outcome>) -> Option<Self> {
        let is_code = |known: &str| known.eq_ignore_ascii_case(code);
        let own = own
            .get(code)
            .or_else(|| own.iter().find(|(known, _)| is_code(known)).map(|(_, o)| o));
        own.copied()
            .or_else(|| vicidial(&code.to_ascii_uppercase()))
            .map(|outcome| Self {
                outcome,
                certainty: Certainty::Disposed,
            })
    }

    /// From VICIdial's answering machine detection.
    pub fn of_amd(status: &str) -> Option<Self> {
        match status.to_ascii_uppercase().as_str() {
            "MACHINE" => Some(Self::signalled(Outcome::Machine)),
            "HUMAN" | "PERSON" => Some(Self::signalled(Outcome::Human)),
            _ => None,
        }
    }

    /// From a cause of Q.850, where it says more than a `DIALSTATUS` does: the number does not exist (1), or
    /// is another by now (22).
    pub const fn of_cause(cause: u32) -> Option<Self> {
        match cause {
            1 | 22 => Some(Self::signalled(Outcome::Dead)),
            _ => None,
        }
    }

    /// The one of two that counts: a disposition before any signal, then an answer before none (a hang-up script tells
    /// of a call that was answered as CANCEL or NOANSWER, too), then what is said of the answer before what is assumed.
    #[must_use]
    pub fn or_surer(self, other: Self) -> Self {
        if other.weight() > self.weight() {
            other
        } else {
            self
        }
    }

    /// Whether it counts against, or is, `other`.
    pub fn holds_against(self, other: Self) -> bool {
        self.weight() >= other.weight()
    }

    fn weight(self) -> (u8, std::cmp::Reverse<usize>) {
        let level = match self.certainty {
            Certainty::Disposed => 4,
            Certainty::Signalled if self.outcome.is_answered() => 3,
            Certainty::Assumed => 2,
            Certainty::Signalled => 1,
            Certainty::Guessed => 0,
        };
        let place = PRECEDENCE
            .iter()
            .position(|outcome| *outcome == self.outcome);
        (level, std::cmp::Reverse(place.unwrap_or(PRECEDENCE.len())))
    }
}

impl Certainty {
    /// As it is stored; 0 = nothing is known.
    pub const fn rank(self) -> i32 {
        self as i32
    }

    /// From its stored form.
    pub const fn of_rank(rank: i32) -> Option<Self> {
        match rank {
            1 => Some(Self::Assumed),
            2 => Some(Self::Signalled),
            3 => Some(Self::Disposed),
            4 => Some(Self::Guessed),
            _ => None,
        }
    }
}

impl Outcome {
    /// Somebody or something took the call.
    pub const fn is_answered(self) -> bool {
        matches!(self, Self::Human | Self::Machine)
    }
}

/// VICIdial's own statuses.
fn vicidial(code: &str) -> Option<Outcome> {
    let outcome = match code {
        "SALE" | "NI" | "DNC" | "CALLBK" | "XFER" | "NP" | "DEC" => Outcome::Human,
        "A" | "AA" | "AM" | "AL" | "AFAX" => Outcome::Machine,
        "NA" | "N" => Outcome::NoAnswer,
        "AB" | "B" => Outcome::Busy,
        "ADC" | "DC" => Outcome::Dead,
        "ADCT" => Outcome::Congestion,
        "DROP" | "PDROP" => Outcome::Dropped,
        _ => return None,
    };
    Some(outcome)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("SALE NI DNC CALLBK XFER NP DEC", Outcome::Human)]
    #[case("A AA AM AL AFAX afax", Outcome::Machine)]
    #[case("NA N", Outcome::NoAnswer)]
    #[case("AB B", Outcome::Busy)]
    #[case("ADC DC", Outcome::Dead)]
    #[case("ADCT", Outcome::Congestion)]
    #[case("DROP PDROP", Outcome::Dropped)]
    fn vicidials_dispositions(#[case] codes: &str, #[case] outcome: Outcome) {
        for code in codes.split(' ') {
            let verdict = Verdict::of_disposition(code, &BTreeMap::new()).unwrap();
            assert_eq!(
                (verdict.outcome, verdict.certainty),
                (outcome, Certainty::Disposed),
                "{code}"
            );
        }
    }

    #[test]
    fn a_tenants_own_meaning_comes_first_and_the_rest_is_unknown() {
        let own = BTreeMap::from([
            ("A".to_owned(), Outcome::Human),
            ("Appt".to_owned(), Outcome::Human),
        ]);
        let outcome = |code| Verdict::of_disposition(code, &own).map(|verdict| verdict.outcome);
        assert_eq!(outcome("A"), Some(Outcome::Human));
        assert_eq!(outcome("APPT"), Some(Outcome::Human));
        assert_eq!(outcome("AA"), Some(Outcome::Machine));
        assert_eq!(outcome("WHAT"), None);
        assert_eq!(outcome(""), None);
    }

    #[rstest]
    #[case("ANSWER", Outcome::Human, Certainty::Assumed)]
    #[case("answered", Outcome::Human, Certainty::Assumed)]
    #[case("BUSY", Outcome::Busy, Certainty::Signalled)]
    #[case("NOANSWER", Outcome::NoAnswer, Certainty::Signalled)]
    #[case("no-answer", Outcome::NoAnswer, Certainty::Signalled)]
    #[case("NO ANSWER", Outcome::NoAnswer, Certainty::Signalled)]
    #[case("CANCEL", Outcome::NoAnswer, Certainty::Signalled)]
    #[case("CONGESTION", Outcome::Congestion, Certainty::Signalled)]
    #[case("CHANUNAVAIL", Outcome::Congestion, Certainty::Signalled)]
    #[case("FAILED", Outcome::Failed, Certainty::Signalled)]
    #[case("DONTCALL", Outcome::Failed, Certainty::Signalled)]
    #[case("TORTURE", Outcome::Failed, Certainty::Signalled)]
    #[case("INVALIDARGS", Outcome::Failed, Certainty::Signalled)]
    #[case("dropped", Outcome::Dropped, Certainty::Signalled)]
    fn words_of_scripts(
        #[case] word: &str,
        #[case] outcome: Outcome,
        #[case] certainty: Certainty,
    ) {
        let verdict = Verdict::of_word(word).unwrap();
        assert_eq!((verdict.outcome, verdict.certainty), (outcome, certainty));
    }

    #[rstest]
    #[case("")]
    #[case("SALE")]
    #[case("5")]
    fn other_words_say_nothing(#[case] word: &str) {
        assert_eq!(Verdict::of_word(word), None);
    }

    #[test]
    fn a_disposition_beats_a_status_and_a_detector_an_assumption() {
        let machine = Verdict::of_disposition("AA", &BTreeMap::new()).unwrap();
        let busy = Verdict::of_status(DialStatus::Busy);
        assert_eq!(machine.or_surer(Verdict::ANSWERED), machine);
        assert_eq!(busy.or_surer(machine), machine);
        assert_eq!(
            Verdict::ANSWERED.or_surer(Verdict::of_amd("MACHINE").unwrap()),
            Verdict::of_amd("MACHINE").unwrap()
        );
    }

    /// Everything that says that somebody or something took the call, without a disposition.
    const ANSWERS: [&str; 2] = ["ANSWER", "answered"];
    /// Everything that says that nobody did.
    const NONE: [&str; 13] = [
        "NOANSWER",
        "CANCEL",
        "BUSY",
        "CONGESTION",
        "CHANUNAVAIL",
        "FAILED",
        "DONTCALL",
        "TORTURE",
        "INVALIDARGS",
        "no-answer",
        "busy",
        "failed",
        "dropped",
    ];

    #[test]
    fn an_answer_beats_none_in_either_order() {
        let own = BTreeMap::new();
        let mut answers = vec![
            Verdict::of_amd("HUMAN").unwrap(),
            Verdict::of_amd("MACHINE").unwrap(),
        ];
        answers.extend(ANSWERS.map(|word| Verdict::of_word(word).unwrap()));
        let mut none = vec![
            Verdict::of_cause(1).unwrap(),
            Verdict::of_cause(22).unwrap(),
        ];
        none.extend(NONE.map(|word| Verdict::of_word(word).unwrap()));
        for answer in answers {
            for other in &none {
                assert_eq!(answer.or_surer(*other), answer, "{answer:?} {other:?}");
                assert_eq!(other.or_surer(answer), answer, "{other:?} {answer:?}");
            }
            assert_eq!(Verdict::GUESSED.or_surer(answer), answer);
        }
        for other in none {
            assert_eq!(Verdict::GUESSED.or_surer(other), other);
        }
        for code in ["SALE", "NI", "AA", "AL"] {
            for other in ["NA", "N", "B", "AB", "ADC", "ADCT", "DROP", "PDROP"] {
                let [answer, none] =
                    [code, other].map(|it| Verdict::of_disposition(it, &own).unwrap());
                assert_eq!(answer.or_surer(none), answer, "{code} {other}");
                assert_eq!(none.or_surer(answer), answer, "{other} {code}");
            }
        }
    }

    fn verdicts() -> impl Strategy<Value = Verdict> {
        let certainty = prop::sample::select(vec![
            Certainty::Guessed,
            Certainty::Assumed,
            Certainty::Signalled,
            Certainty::Disposed,
        ]);
        let outcome = prop::sample::select(Outcome::ALL.to_vec());
        (outcome, certainty).prop_map(|(outcome, certainty)| Verdict { outcome, certainty })
    }

    proptest! {
        #[test]
        fn the_order_of_reports_does_not_matter(
            reports in prop::collection::vec(verdicts(), 1..6),
        ) {
            let fold = |all: Vec<Verdict>| all.into_iter().reduce(Verdict::or_surer);
            let reversed: Vec<_> = reports.iter().rev().copied().collect();
            prop_assert_eq!(fold(reports), fold(reversed));
        }

        #[test]
        fn a_certainty_comes_back_from_its_rank(verdict in verdicts()) {
            prop_assert_eq!(Certainty::of_rank(verdict.certainty.rank()), Some(verdict.certainty));
        }
    }
}
