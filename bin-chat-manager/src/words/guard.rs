//! What a model may not say in its own words: money, discounts, guarantees, clock times, links and phone numbers. Such
//! facts come from the catalog, the calendar and the business, and code fills them in. A text that breaks a rule is not
//! mended: another is sent in its place. When in doubt it is refused, which costs a little grace and no promise.

use std::sync::LazyLock;

use bin_common_handler::text_enum;
use regex::Regex;

use super::{deed, finds, narrow, pattern, promises, segments};

/// Questions of one text.
const QUESTIONS_MAX: usize = 2;
/// Segments of one text.
const SEGMENTS_MAX: u32 = 3;

text_enum!(
    /// Why a text of the model is not sent.
    pub enum Refusal {
        /// It has nothing to say.
        Empty = "empty",
        /// A price, a sum, or a number that may be one.
        Money = "money",
        /// Free, half off, and the like.
        Discount = "discount",
        /// A promise.
        Guarantee = "guarantee",
        /// A time of day.
        ClockTime = "clock_time",
        /// An address on the web, or of mail.
        Link = "link",
        /// A phone number.
        PhoneNumber = "phone_number",
        /// More than two questions.
        Questions = "questions",
        /// More than three segments.
        Long = "long",
        /// Letters that look like others.
        Script = "script",
        /// A placeholder that stands for nothing.
        Placeholder = "placeholder",
        /// It asks for CANCEL or a bare YES, which mean something else to a carrier.
        Keyword = "keyword",
        /// It says that something was done, which only code knows: booked, moved, called off, somebody sent.
        Deed = "deed",
        /// It makes little of a leak, of gas, of smoke.
        Danger = "danger",
        /// It asks for, or speaks of, what nobody should text: cards, PINs, passwords, social security numbers.
        Secret = "secret",
        /// It ends texts by itself, which only the person does.
        Late = "late",
    }
);

static MONEY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"[$€£¥¢]|\b(?:dollars?|bucks?|usd|eur|euros?|cents?|grand|quid|(?:costs?|price|priced|charge|charged|fee|fees|total|pay|paying|owe|invoice|deposit|worth|rate|rates) (?:is |are |of |for |only |just |about |around |you |it |will |would |be |a |the |to |at |roughly |exactly )*(?:a |one|two|three|four|five|six|seven|eight|nine|ten|\d)|hundred|thousand|million|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fourty|fifty|sixty|seventy|eighty|ninety|penny|pennies|nickel|dime|fiver|tenner|c-?notes?|benjamins?|nada|peanuts)\b",
    )
});
static DISCOUNT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"%|\b(?:free|freebie|gratis|complimentary|complementary|discount(?:s|ed)?|half[ -]?(?:off|price|priced)|(?:off|knock) (?:the|your) (?:price|bill|total|invoice)|percent|per cent|on the house|on us|no (?:charge|cost|fee|fees|payment)|without (?:charge|cost|payment)|zero|costs? (?:you )?nothing|for nothing|at no|nothing to pay|not (?:be )?charge|wont (?:be )?charge|waive[ds]?|waiving|coupon|promo(?:tion|tional)?|voucher|rebate|deal|bargain|cheap(?:er|est)?|special offer|bogo|two for one|price match|pro bono|bonus|gift|credit|(?:dont|do not|wont|will not|not|never|nothing|neednt|no need to|without|nobody) (?:\S+ ){0,4}pay(?:ing|ment|s)?|no (?:bill|invoice)|treat|on me|beat (?:any|every|all|the|their|your|his|her|any other)|(?:less|lower|better) (?:than|price|rate)|undercut|included|includes|inclusive|specials?|gratu\w+|kostenlos\w*|kostenfrei\w*|umsonst|(?:sin|sans|senza|sem) (?:\w+ )?(?:costos?|costes?|cargos?|cobros?|frais|payer|costi|custos?))\b",
    )
});
static GUARANTEE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:guarant\w*|warrant\w*|promis\w*|refund\w*|money[ -]?back|for sure|definitely|certainly|absolutely|assure[ds]?|ensure[ds]?|without fail|no matter what|risk[ -]?free|liab\w+|insured|swear|cross my heart|(?:we|well|i|ill|he|hell|she|shell|they|theyll|itll|our \w+)(?: will| can)? (?:always (?:\w+ )?(?:fix|repair|solve|work|come|show|deliver|get|find|do)\w*|never (?:fail|miss|disappoint|leave)\w*)|(?:my|our) word|word of honou?r|count on|rest assured|bet on|worry free)\b",
    )
});
static CLOCK_TIME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:\d{1,2} ?(?:a ?\.? ?m|p ?\.? ?m)\b|\d{1,2} ?[:h.] ?\d{2}\b|\d{1,2} ?o ?clock|(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) (?:a ?\.?m|p ?\.?m|o ?clock|thirty|fifteen|forty|sharp)|noon|midnight|midday|(?:before|after|around|at|by|until|till) (?:work|school|breakfast|lunch|dinner|supper)|(?:breakfast|lunch|dinner|supper) ?time|dawn|dusk|sunrise|sunset|sun ?down|sun is (?:up|down)|half past|quarter (?:to|past)|o ?clock|(?:at|by|around|about|before|after|until|till|from|between) (?:\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)\b|\d+ ?(?:minutes?|mins?|hours?|hrs?)\b|(?:in|within) (?:an|a|one|two|three|four|five|six|seven|eight|nine|ten|half an) (?:minutes?|hours?|hour)|(?:in|within|under|inside) (?:(?:the|an?|half|this|next|same|few|couple|of|several|some|less|than|about|just) )*(?:minutes?|mins?|hours?|hrs?)\b|(?:minutes|hours?) away\b|an hour\b|(?:the|this|next) hour\b|in no time\b)",
    )
});
static LINK: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"https?:|www\.|\bwww\b|://|@|\b[a-z0-9-]+ ?\. ?(?:com|net|org|io|co|us|biz|info|app|ly|me|link|shop|site|online|xyz|gl|to|tv|dev|ai|uk|ru|cn|top|click)\b|\bdot (?:com|net|org|io)\b|\b(?:click|tap|visit) (?:here|this|the link|our (?:web)?site)\b|\burl\b|\b(?:bit ?ly|tinyurl|goo ?gl)\b|\bslash\b",
    )
});
/// Seven figures with whatever people put between them, or as many spelled ones.
static PHONE_NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?:\d[ ().\-/_]*){7,}|(?:\b(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)\b[ ,.\-]*){4,}",
    )
});
/// Two figures in a row may be a sum, a time or a part of a number.
static FIGURES: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\d[ ,.\-]*\d"));
/// Any number, in figures or spelled, also in the other languages that people here write in.
static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:\w*\d\w*|two|three|four|five|six|seven|eight|nine|ten|dozens?|(?:twen|thir|for|four|fif|six|seven|eigh|nine)t(?:y\w*|een\w*)|\w*(?:eleven|twelve|hundred|thousand|million)\w*|dos|tres|cuatro|cinco|seis|siete|ocho|nueve|diez|doce|quince|veint\w+|treinta|cuarenta|cincuenta|sesenta|setenta|ochenta|noventa|cien|ciento|cientos|mil|deux|trois|quatre|cinq|sept|huit|neuf|dix|vingt\w*|trente|quarante|cinquante|soixante|cents?|mille|zwei|drei|vier|funf|sechs|sieben|acht|neun|zehn|\w+zig|\w*hundert\w*|tausend)\b",
    )
});
/// What may be counted: such a number is no sum.
static COUNTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^ (?:more |other |different |separate )?(?:sinks?|faucets?|toilets?|showers?|drains?|pipes?|leaks?|taps?|rooms?|bathrooms?|bedrooms?|kitchens?|floors?|stories|units?|outlets?|lights?|lamps?|switches|fixtures?|appliances?|doors?|windows?|locks?|cars?|vans?|people|persons?|technicians?|plumbers?|electricians?|photos?|pictures?|questions?|options?|slots?|appointments?|visits?|things?|items?|services?)\b",
    )
});
/// An order, such as the 2nd.
static ORDINAL: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"^(?:1st|2nd|3rd|[4-9]th)$"));
static KEYWORD: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r#"\b(?:reply|text|send|answer|respond|say|type|write)(?: back)?(?: with| us| me| the word)* ["(]?(?:yes|cancel|stop|start|end|quit)\b"#,
    )
});

/// A price of the catalog in words that make another of it: `{price:1} off`, `save {price:1}`.
static PRICE_TWISTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\{price:\d+\}\W+(?:\w+\W+){0,3}(?:off|less|discount\w*|cheaper|lower|rebate|reduction|reduced|back|credit|savings?|saved?)\b|\b(?:saves?|saving|minus|less|off|knock|deduct|subtract|discount\w*|lower|cut|half|waive|instead of|not|below|under|without)\W+(?:\w+\W+){0,3}\{price",
    )
});

/// Whether a text of the model may be sent; `own` is the text before its placeholders are filled, and `filled` after.
///
/// # Errors
/// The first rule that it breaks.
pub(crate) fn check(own: &str, filled: &str) -> Result<(), Refusal> {
    let text = without_placeholders(own)?;
    if text.trim().is_empty() && filled.trim().is_empty() {
        return Err(Refusal::Empty);
    }
    if !is_plain_script(&text) {
        return Err(Refusal::Script);
    }
    let text = promises::without_harmless(&read(&text));
    let rules = [
        (&LINK, Refusal::Link),
        (&PHONE_NUMBER, Refusal::PhoneNumber),
        (&MONEY, Refusal::Money),
        (&DISCOUNT, Refusal::Discount),
        (&GUARANTEE, Refusal::Guarantee),
        (&CLOCK_TIME, Refusal::ClockTime),
        (&FIGURES, Refusal::Money),
        (&KEYWORD, Refusal::Keyword),
    ];
    for (rule, refusal) in rules {
        if finds(rule, &text) {
            return Err(refusal);
        }
    }
    // Whatever it is called and however it is spelled: a sum needs a number, and those come from the catalog.
    if has_sum(&text) || promises::is_money(&priced(own)?) {
        return Err(Refusal::Money);
    }
    if promises::is_belittled(&text) {
        return Err(Refusal::Danger);
    }
    if deed::names_secret(&text) {
        return Err(Refusal::Secret);
    }
    if deed::is_claimed(&text) {
        return Err(Refusal::Deed);
    }
    if finds(&PRICE_TWISTED, &super::plain(own)) {
        return Err(Refusal::Discount);
    }
    if own.matches('?').count() > QUESTIONS_MAX {
        return Err(Refusal::Questions);
    }
    if segments::count(filled).count > SEGMENTS_MAX {
        return Err(Refusal::Long);
    }
    Ok(())
}

/// Whether a number stands there that counts nothing. Where the rules cannot be read, everything is one.
fn has_sum(text: &str) -> bool {
    let Some(numbers) = NUMBER.as_ref() else {
        return true;
    };
    numbers.find_iter(text).any(|number| {
        let counts = text
            .get(number.end()..)
            .is_some_and(|rest| COUNTED.as_ref().is_some_and(|it| it.is_match(rest)));
        let orders = ORDINAL
            .as_ref()
            .is_some_and(|it| it.is_match(number.as_str()));
        !counts && !orders
    })
}

/// What stands outside `{…}`.
///
/// # Errors
/// A brace that belongs to none.
fn without_placeholders(text: &str) -> Result<String, Refusal> {
    let (mut outside, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('{') {
        let (_, behind) = after.split_once('}').ok_or(Refusal::Placeholder)?;
        outside.push_str(before);
        // What stood on both sides stays apart.
        outside.push_str(" _ ");
        rest = behind;
    }
    outside.push_str(rest);
    if outside.contains('}') {
        return Err(Refusal::Placeholder);
    }
    Ok(outside)
}

/// As rules read it, with a word where a price of the catalog stands.
///
/// # Errors
/// A brace that belongs to none.
fn priced(own: &str) -> Result<String, Refusal> {
    let mark = format!(" {} {{price:", promises::CATALOG_PRICE);
    without_placeholders(&own.replace("{price:", &mark)).map(|text| read(&text))
}

/// Latin letters and figures only: a Cyrillic `е` would hide `free`, an Arabic `٩` a sum. No control but a line's end, and
/// nothing that turns the direction of a text (Unicode's bidirectional formats).
fn is_plain_script(text: &str) -> bool {
    text.chars().all(|c| {
        let c = narrow(c);
        let is_latin = c.is_ascii() || matches!(c, '\u{a1}'..='\u{17f}');
        let is_hidden = matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'
                | '\u{2066}'..='\u{206f}' | '\u{feff}'
        );
        let is_control = c.is_control() && c != '\n';
        let is_number = c.is_numeric() && !c.is_ascii_digit();
        !is_number && !is_hidden && !is_control && (is_latin || !c.is_alphabetic())
    })
}

/// As rules read it; marks inside a word, and letters one by one, do not hide it.
fn read(text: &str) -> String {
    let plain = super::plain(text);
    let joined: String = plain
        .chars()
        .map(|c| {
            if matches!(c, '*' | '_' | '~' | '`' | '|') {
                ' '
            } else {
                c
            }
        })
        .collect();
    format!("{joined} {}", letters_joined(&joined))
}

/// `f r e e` and `f.r.e.e` as `free`.
fn letters_joined(text: &str) -> String {
    let (mut words, mut run) = (String::new(), String::new());
    let parts = text.split(|c: char| !c.is_alphanumeric());
    for part in parts.filter(|part| !part.is_empty()).chain([""]) {
        if part.chars().count() == 1 {
            run.push_str(part);
            continue;
        }
        if run.chars().count() > 2 {
            words.push(' ');
            words.push_str(&run);
        }
        run.clear();
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::{Refusal as R, *};

    #[rstest]
    #[case("Happy to help! What is the address?")]
    #[case("A plumber can look at it. Which slot suits you: {slot:1} or {slot:2}?")]
    #[case("The usual visit is {price:1}. Shall I book it?")]
    #[case("We are open {hours}.")]
    #[case("Feel free to send a photo.")]
    #[case("Got it, someone will call you back soon.")]
    #[case("Is it 1 faucet or more?")]
    #[case("Caf\u{e9} sinks are our daily work.")]
    #[case("Do you have two bathrooms, or 3 other rooms?")]
    #[case("Is it on the 2nd floor?")]
    #[case("Which one suits you?")]
    #[case("A drain cleaning is {price:1}. Does {slot:1} suit you?")]
    #[case("We could come {slot:1}, and I will get back to you.")]
    fn plain_words_may_be_said(#[case] text: &str) {
        assert_eq!(check(text, text), Ok(()), "{text}");
    }

    #[rstest]
    #[case("That is $99.", R::Money)]
    #[case("It costs 99 in all", R::Money)]
    #[case("ninety-nine and we are there", R::Money)]
    #[case("about two hundred", R::Money)]
    #[case("ten bucks", R::Money)]
    #[case("The fee is 5", R::Money)]
    #[case("only 49.", R::Money)]
    #[case("That would be nine.", R::Money)]
    #[case("Nine and we are there", R::Money)]
    #[case("ninetynine in all", R::Money)]
    #[case("seven-fifty", R::Money)]
    #[case("It comes to 9", R::Money)]
    #[case("9er", R::Money)]
    #[case("1e2", R::Money)]
    #[case("son noventa y nueve", R::Money)]
    #[case("cinco y ya", R::Money)]
    #[case("quatre-vingt dix", R::Money)]
    #[case("neunundneunzig", R::Money)]
    #[case("two more dollhairs", R::Money)]
    #[case("a dozen, and it is done", R::Money)]
    #[case("\u{ff04}\u{ff19}\u{ff19}", R::Money)]
    #[case("It is free!", R::Discount)]
    #[case("f r e e visit", R::Discount)]
    #[case("f.r.e.e.", R::Discount)]
    #[case("half off today", R::Discount)]
    #[case("Half-price for you", R::Discount)]
    #[case("a 5% discount", R::Discount)]
    #[case("It's on the house", R::Discount)]
    #[case("no charge for the visit", R::Discount)]
    #[case("we won't charge you", R::Discount)]
    #[case("you don't have to pay", R::Discount)]
    #[case("you won't pay", R::Discount)]
    #[case("nothing at all to pay", R::Discount)]
    #[case("our treat", R::Discount)]
    #[case("It's on me!", R::Discount)]
    #[case("we will beat any quote", R::Discount)]
    #[case("Come for nada", R::Money)]
    #[case("We'll do it for a fiver", R::Money)]
    #[case("price: C-note", R::Money)]
    #[case("I give you my word it is done", R::Guarantee)]
    #[case("bitly slash abc", R::Link)]
    #[case("tonight after work, around dinner time", R::ClockTime)]
    #[case("as soon as the sun is up, crack of dawn", R::ClockTime)]
    #[case("{price:1} off", R::Discount)]
    #[case("That is {price:1} less for you", R::Discount)]
    #[case("You save {price:1}", R::Discount)]
    #[case("We guarantee it", R::Guarantee)]
    #[case("There is a warranty", R::Guarantee)]
    #[case("I promise he comes", R::Guarantee)]
    #[case("full refund", R::Guarantee)]
    #[case("Tomorrow at 9am", R::ClockTime)]
    #[case("Tomorrow at nine", R::ClockTime)]
    #[case("9:30 works", R::ClockTime)]
    #[case("half past nine", R::ClockTime)]
    #[case("noon is fine", R::ClockTime)]
    #[case("in 5 minutes", R::ClockTime)]
    #[case("he is there within an hour", R::ClockTime)]
    #[case("see https://evil.example", R::Link)]
    #[case("pay at evil.com", R::Link)]
    #[case("evil dot com", R::Link)]
    #[case("write to a@b", R::Link)]
    #[case("call 415-555-0123", R::PhoneNumber)]
    #[case("call (415) 555 0123", R::PhoneNumber)]
    #[case("five five five oh one two three", R::PhoneNumber)]
    #[case("Who? Where? When?", R::Questions)]
    #[case("Reply YES to book", R::Keyword)]
    #[case("Text CANCEL to end it", R::Keyword)]
    #[case("It is fr\u{435}e", R::Script)]
    #[case("It is fr\u{200b}ee", R::Script)]
    #[case("\u{669}\u{669}", R::Script)]
    #[case("a\u{0}b", R::Script)]
    #[case("nice \u{202e}evil", R::Script)]
    #[case("nice \u{2066}evil\u{2069}", R::Script)]
    #[case("one line\r\nBcc: x", R::Script)]
    #[case("a bell \u{7}", R::Script)]
    #[case("{price:1", R::Placeholder)]
    #[case("price}", R::Placeholder)]
    #[case(" ", R::Empty)]
    fn what_only_code_may_say_is_refused(#[case] text: &str, #[case] expected: Refusal) {
        assert_eq!(check(text, text), Err(expected), "{text}");
    }

    #[test]
    fn what_is_filled_in_counts_for_its_length_only() {
        assert_eq!(check("It is {price:1}.", "It is $99.00."), Ok(()));
        let long = "a ".repeat(300);
        assert_eq!(check("{hours}", &long), Err(R::Long));
    }

    /// As people spell it; from 2, as "one" is a word like others.
    fn spelled(number: u32) -> String {
        const SMALL: [&str; 20] = [
            "zero",
            "one",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ];
        const TENS: [&str; 10] = [
            "", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety",
        ];
        let rest = |number: u32, divisor: u32| match number % divisor {
            0 => String::new(),
            rest => format!(" {}", spelled(rest)),
        };
        match number {
            0..=19 => SMALL[number as usize].to_owned(),
            20..=99 => format!("{}{}", TENS[(number / 10) as usize], rest(number, 10)),
            100..=999 => format!(
                "{} hundred{}",
                SMALL[(number / 100) as usize],
                rest(number, 100)
            ),
            _ => format!(
                "{} thousand{}",
                spelled(number / 1_000),
                rest(number, 1_000)
            ),
        }
    }

    proptest! {
        /// No amount leaves that code did not fill in, whatever it is called and however it is spelled.
        #[test]
        fn no_amount_passes(
            amount in 2_u32..100_000,
            before in prop::sample::select(vec![
                "", "It is", "That comes to", "We do it for", "Son", "Nur", "You give us", "around",
            ]),
            after in prop::sample::select(vec![
                "", ".", "bucks", "dollars", "USD", "\u{20ac}", "d\u{f3}lares", "smackers", "clams",
                "in all", "and we come", "per visit", "K", "quid", "Taler",
            ]),
            spelling in 0_usize..6,
            is_loud in any::<bool>(),
        ) {
            let words = spelled(amount);
            let number = match spelling {
                0 => amount.to_string(),
                1 => words,
                2 => words.replace(' ', "-"),
                3 => words.replace(' ', ""),
                4 => format!("{amount}.00"),
                _ => format!("${amount}"),
            };
            let text = format!("{before} {number} {after}");
            let text = if is_loud { text.to_uppercase() } else { text };
            prop_assert!(check(&text, &text).is_err(), "{}", text);
        }

        #[test]
        fn no_sum_passes(dollars in 0_u32..100_000, before in "[a-z ]{0,20}", after in "[a-z ]{0,20}") {
            let text = format!("{before} ${dollars} {after}");
            prop_assert!(check(&text, &text).is_err());
        }

        #[test]
        fn two_figures_never_pass(number in 10_u64..1_000_000_000, before in "[a-z ]{0,20}") {
            let text = format!("{before} {number}");
            prop_assert!(check(&text, &text).is_err());
        }

        #[test]
        fn any_text_is_judged_without_harm(text in "\\PC{0,200}") {
            let _ = check(&text, &text);
        }
    }
}
