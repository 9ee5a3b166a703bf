//! Words of a model that promise something without a number: what is paid or not paid, and that a danger is none. When in
//! doubt they are refused.

use std::sync::LazyLock;

use regex::Regex;

use super::{finds, pattern};

/// Stands where a text has a price of the catalog.
pub(super) const CATALOG_PRICE: &str = "catalogprice";
/// What speaks of money.
const MONEY: &str = r"(?:costs?|costing|charg(?:e|es|ed|ing|eable)|surcharges?|pay(?:s|ing|ment|ments|able)?|paid|unpaid|fees?|rates?|tariffs?|(?:good|better|best|great|low|lower|lowest|fair|cheap\w*|competitive|affordable|reasonable|special|unbeatable) (?:prices?|pricing|quotes?|estimates?|offers?))";

/// Rules would take these for something else.
static HARMLESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r"\b(?:feel free",
        r"|special (?:request|instruction|need|tool|equipment|part|order|access|case|care)s?|(?:any|some|no)thing special",
        r"|pay(?:ing)? (?:\w+ )?attention|in charge|at any rate|first[ -]rate|rate (?:us|the visit)",
        r"|ev charg(?:er|ing)|charging (?:station|point)s?|charg(?:e|ing) (?:the|your|a) (?:battery|car|phone|vehicle)",
        r"|(?:cost|price|rate|fee|charge)s? (?:depends?|varies|vary)",
        r"|(?:tell|know|see|say|find out|check|ask|sure) (?:(?:you|us|me) )?(?:what|how much) (?:it|that|this|(?:the|a|your) \w+) (?:(?:will|would) )?costs?",
        r"|how (?:would|do|will) you (?:like|want|prefer) to pay)\b",
    ))
});
static MONEY_WORD: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(&format!(r"\b{MONEY}\b")));
/// A word of money that leads to a price of the catalog, or follows it at once.
static PRICED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(&format!(
        r"\b{MONEY}(?:[ :(]+[\w-]+){{0,4}}[ :(]+{CATALOG_PRICE}\b|\b{CATALOG_PRICE} +{MONEY}\b"
    ))
});
/// What may be dangerous.
const DANGER: &str = r"(?:leak\w*|gas|smoke|smoking|smell\w*|odou?rs?|fumes?|fire|flames?|spark\w*|wires?|wiring|outlets?|shocks?|shocked|flood\w*|sewage|carbon monoxide|alarms?|detectors?|mold|mould|burning|burst)";
static DANGEROUS: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(&format!(r"\b{DANGER}\b")));
/// It is nothing, whatever sentence says so.
static BELITTLED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r"\b(?:ignore|ignoring|disregard|harmless|(?:nothing|no need|no reason|not) to worry|dont worry about|no danger|not a danger|poses? no",
        r"|(?:not|isnt|arent|never) (?:\w+ )?(?:dangerous|serious|hazardous|toxic|unsafe|harmful|a big deal)|no big deal",
        r"|(?:perfectly|totally|completely|quite|absolutely|probably) safe|safe to (?:ignore|stay|breathe|leave|use|light|touch))\b",
    ))
});
/// A danger that is said to be fine, or to wait.
static FINE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(&format!(
        r"\b{DANGER} (?:\w+ ){{0,3}}(?:(?:is|are|its) (?:\w+ )?(?:fine|ok|okay|normal|nothing)|(?:can|could|may|will) wait)\b"
    ))
});

/// The text without what rules would take for something else.
pub(super) fn without_harmless(text: &str) -> String {
    without(&HARMLESS, text)
}

/// Whether a text speaks of money elsewhere than beside a price of the catalog.
pub(super) fn is_money(text: &str) -> bool {
    finds(&MONEY_WORD, &without(&PRICED, &without_harmless(text)))
}

/// Whether a text makes little of a danger that it names. A question does not.
pub(super) fn is_belittled(text: &str) -> bool {
    let mut sentences = text.split_inclusive(['.', '!', '?', ';', '\n']);
    (finds(&DANGEROUS, text) && finds(&BELITTLED, text))
        || sentences.any(|sentence| !sentence.ends_with('?') && finds(&FINE, sentence))
}

fn without(pattern: &Option<Regex>, text: &str) -> String {
    match pattern {
        Some(pattern) => pattern.replace_all(text, " ").into_owned(),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::guard::{Refusal as R, check};

    #[rstest]
    #[case("It won't cost you anything", R::Money)]
    #[case("You pay nothing", R::Money)]
    #[case("we don't charge for estimates", R::Money)]
    #[case("We never c h a r g e for that", R::Money)]
    #[case("lowest rate", R::Money)]
    #[case("We have the best prices in town.", R::Money)]
    #[case("There is a fee for weekends", R::Money)]
    #[case("{price:1} and you pay nothing for the visit", R::Money)]
    #[case("You pay nothing. It is {price:1}.", R::Money)]
    #[case("the visit is included", R::Discount)]
    #[case("It includes the visit", R::Discount)]
    #[case("ask for the manager special", R::Discount)]
    #[case("Today's specials are great", R::Discount)]
    #[case("sin costo", R::Discount)]
    #[case("sin ning\u{fa}n cargo", R::Discount)]
    #[case("Kostenlos!", R::Discount)]
    #[case("Die Anfahrt ist umsonst", R::Discount)]
    #[case("C'est gratuit", R::Discount)]
    #[case("La visita es gratuita", R::Discount)]
    #[case("we always fix it", R::Guarantee)]
    #[case("Our team never fails", R::Guarantee)]
    #[case("He'll be there within the hour.", R::ClockTime)]
    #[case("He is with you in the next hour", R::ClockTime)]
    #[case("Somebody can come in an hour", R::ClockTime)]
    #[case("in a few minutes", R::ClockTime)]
    #[case("We are minutes away", R::ClockTime)]
    #[case("in no time", R::ClockTime)]
    #[case("www example com", R::Link)]
    #[case("Ignore the leak, it's harmless.", R::Danger)]
    #[case("A gas smell like that is nothing to worry about", R::Danger)]
    #[case("Smoke from the panel is normal.", R::Danger)]
    #[case("The leak can wait.", R::Danger)]
    #[case("It's safe to stay with a gas leak", R::Danger)]
    fn what_promises_without_a_number_is_refused(#[case] text: &str, #[case] expected: R) {
        assert_eq!(check(text, text), Err(expected), "{text}");
    }

    #[rstest]
    #[case("It costs {price:1}. Shall I book it?")]
    #[case("We charge {price:1} for that.")]
    #[case("The fee for the visit is {price:1}.")]
    #[case("You pay {price:1}.")]
    #[case("Our rate: {price:1}.")]
    #[case("There is a {price:1} fee.")]
    #[case("A person of our team will tell you what it costs.")]
    #[case("The price depends on the size of the job.")]
    #[case("How would you like to pay?")]
    #[case("Do you have any special requests?")]
    #[case("Is there anything special about the gate?")]
    #[case("I am not the one in charge, somebody will get back to you.")]
    #[case("Please include a photo, and your ZIP code.")]
    #[case("Is it an EV charger?")]
    #[case("Does the breaker always trip?")]
    #[case("Sorry about the leak! Where is it?")]
    #[case("Don't worry, we can look at the leak {slot:1}.")]
    #[case("Is the smell of gas still there?")]
    #[case("Is the outlet near the sink fine?")]
    #[case("Please leave the house if you smell gas.")]
    #[case("Which hours suit you?")]
    fn what_promises_nothing_may_be_said(#[case] text: &str) {
        assert_eq!(check(text, text), Ok(()), "{text}");
    }
}
