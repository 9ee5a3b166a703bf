//! What stays when a number is erased.

use serde::Serialize;

/// What is kept, and why.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub(super) struct Kept {
    what: &'static str,
    why: &'static str,
}

/// What stays, and the law that wants it.
const KEPT: [(&str, &str); 6] = [
    (
        "dnc_entries",
        "47 CFR 64.1200(d)(6): who must not be called is kept",
    ),
    (
        "consents",
        "16 CFR 310.5: records of consent are kept for five years",
    ),
    (
        "opted_out",
        "47 CFR 64.1200(a)(10): a word to stop is kept and obeyed",
    ),
    (
        "attempts",
        "state laws such as Fla. Stat. § 501.616(6) limit calls in 24 hours: they are kept for three days to be counted",
    ),
    (
        "fraud_entries",
        "GDPR, article 6(1)(f) and recital 47: who must not defraud again is kept",
    ),
    (
        "replies",
        "an answer is kept for a day at most, for whoever repeats the request; then it goes",
    ),
];

/// As an answer says it.
pub(super) fn all() -> Vec<Kept> {
    KEPT.map(|(what, why)| Kept { what, why }).into()
}
