//! Words that mean danger, in every trade: gas, fire, current, water that floods, and poison in the air. A business may have
//! more of its own.

use std::sync::LazyLock;

use regex::Regex;

use super::{finds, pattern, plain};

/// Danger, whatever the trade.
static DANGER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:(?:smell|smells|smelling|smelled|odou?r of|leaking|leak of|leak in the) (?:like |of |the )?(?:natural )?gas\b|ga[sz] (?:leak|leaking|smell|odou?r|is leaking|line (?:broke|is leaking|burst))|rotten eggs?|carbon monoxide|co (?:alarm|detector) (?:is )?(?:going off|beeping|went off|goes off|alarm)|(?:something|it|house|kitchen|outlet|wire|wires|panel|breaker|furnace|heater|unit|wall|attic|basement|garage) (?:is |are |was |just )?(?:on fire|burning|smoking|sparking|in flames)|on fire|there(?: is|s)? (?:a )?(?:fire|smoke)|(?:smell|smells|smelling) (?:of |like )?(?:smoke|burning|something burning)|burning smell|smoke (?:coming|from|everywhere|is coming|in the)|sparks?(?: (?:flying|coming|from|everywhere|out))|(?:is|are|its|it) sparking|sparking|electrocuted|electric(?:al)? shock|got shocked|gets? shocked|live wires?|downed (?:power )?lines?|exposed wires?|(?:is|are|its|keeps|house|basement|kitchen|bathroom|everything) flood(?:ed|ing|s)|flooding|(?:pipes?|main|hose|water heater|boiler|furnace|heater|tank|transformer|panel) (?:has |just |have )?(?:burst|broke|exploded|bursting|blew up|blown up)|(?:basement|cellar|house|kitchen|bathroom|garage|crawl ?space|attic|room) (?:is |are |was |keeps )?(?:filling|filled|full)(?: up)? (?:with|of) (?:water|sewage|gas|smoke)|(?:gas|smoke|fire|flames|sewage) (?:is )?everywhere|fire (?:at|in|on|from|inside|behind) (?:the|my|our)|(?:outlets?|panel|wires?|breaker|plug|socket|switch) (?:is |are )?(?:sparkl\w+|hot|glowing|melting|melted)|ga[sz] leak|huele a gas|olor a gas|fuga de gas|burst pipes?|water (?:is )?(?:gushing|pouring|everywhere|spraying|coming through the ceiling)|sewage (?:is )?(?:backing|coming|everywhere|backup)|ceiling (?:is )?(?:collapsing|collapsed|caving|falling)|(?:is|are) (?:unconscious|not breathing|trapped)|cant breathe|explosion|exploded)\b",
    )
});
/// An alarm that is all that is said.
static ALARM: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"^\W*(?:the |my |our )?(?:co|carbon monoxide|gas|smoke) (?:alarm|detector)\W*$")
});
/// The same words where nothing is the matter.
static HARMLESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:not an emergency|no emergency|no (?:gas|smoke|fire|sparks|flooding)|isnt flooding|not flooding|stopped (?:smoking|sparking|flooding)|smoke detectors? (?:need|install|battery|replacement)|install|installed|installing|inspection|quote|estimate|last (?:year|month|week)|years ago|months ago|weeks ago|in case of|used to|prevent|so that it does ?nt|fire ?place|fire ?pit|fire alarm (?:test|inspection)|gas (?:station|grill|stove install))\b",
    )
});

/// Whether the text tells of a danger that cannot wait. When in doubt it does: the safety text costs nothing.
pub(crate) fn is_one(text: &str) -> bool {
    let text = plain(text);
    // Each sentence by itself: what was installed last year may burn now.
    text.split(['.', '!', '?', ';', '\n']).any(|sentence| {
        let is_danger = finds(&DANGER, sentence) || finds(&ALARM, sentence);
        is_danger && !finds(&HARMLESS, sentence)
    })
}

/// Whether the text has one of a business's own words or phrases for danger. Nothing makes them harmless: the business knows
/// what it cannot wait for.
pub(crate) fn names(text: &str, phrases: &[String]) -> bool {
    let text = spaced(text);
    phrases.iter().any(|phrase| {
        let phrase = spaced(phrase);
        !phrase.trim().is_empty() && text.contains(&phrase)
    })
}

/// The words of a text, each with a space before and behind it.
fn spaced(text: &str) -> String {
    let mut spaced = " ".to_owned();
    for word in plain(text).split(|c: char| !c.is_alphanumeric()) {
        if !word.is_empty() {
            spaced.push_str(word);
            spaced.push(' ');
        }
    }
    spaced
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("I smell gas")]
    #[case("It smells like gas in the basement")]
    #[case("gas leak!!")]
    #[case("my outlet is sparking")]
    #[case("There are sparks flying from the panel")]
    #[case("smoke coming from the furnace")]
    #[case("there's smoke in the kitchen")]
    #[case("the basement is flooding")]
    #[case("Basement flooded")]
    #[case("a pipe burst")]
    #[case("burst pipe, water everywhere")]
    #[case("water is pouring from the ceiling")]
    #[case("CO detector is going off")]
    #[case("carbon monoxide alarm")]
    #[case("the panel is on fire")]
    #[case("I got shocked by the dryer")]
    #[case("burning smell from the outlet")]
    #[case("sewage backing up into the tub")]
    #[case("We installed it last year. Now there is smoke")]
    #[case("My basement is filling with water")]
    #[case("There is gas everywhere")]
    #[case("the pipes burst")]
    #[case("fire at the furnace")]
    #[case("CO alarm")]
    #[case("the boiler blew up")]
    #[case("the outlet is sparkling and hot")]
    #[case("I think theres a gaz leak")]
    #[case("huele a gas")]
    fn danger_is_told(#[case] text: &str) {
        assert!(is_one(text), "{text}");
    }

    #[rstest]
    #[case("my faucet drips")]
    #[case("need a new smoke detector")]
    #[case("can you install a gas stove")]
    #[case("how much for a gas line inspection")]
    #[case("the gas station on Main street")]
    #[case("fireplace cleaning")]
    #[case("it is not flooding, only damp")]
    #[case("no smoke, no fire, just cold")]
    #[case("the pipe burst last year, need an estimate")]
    #[case("toilet clogged")]
    #[case("AC not cooling")]
    #[case("the pool is filled with water again, thanks")]
    #[case("need a CO alarm installed")]
    #[case("the water is hot again")]
    #[case("a fireplace in the living room")]
    fn daily_work_is_none(#[case] text: &str) {
        assert!(!is_one(text), "{text}");
    }

    #[rstest]
    #[case("We have NO HEAT since last night", true)]
    #[case("there's no heat!", true)]
    #[case("No  heat.", true)]
    #[case("Dentist? My tooth was knocked out", true)]
    #[case("no heater needed", false)]
    #[case("the heat is on", false)]
    #[case("", false)]
    fn a_business_has_words_of_its_own(#[case] text: &str, #[case] expected: bool) {
        let phrases = ["No heat", "knocked-out", "knocked out", "", " ! "].map(str::to_owned);
        assert_eq!(names(text, &phrases), expected, "{text}");
        assert!(!names(text, &[]));
    }
}
