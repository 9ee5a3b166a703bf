//! What a model may not claim or ask for in its own words: that something was done, which only code and people do, and what
//! nobody should send by text. When in doubt it is refused.

use std::sync::LazyLock;

use regex::Regex;

use super::{finds, pattern};

/// What only code does, or people: bookings, moves, cancellations, somebody on the way, somebody told.
static DEED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r"\b(?:(?:re)?booked|(?:re)?scheduled|cancell?ed|dispatched|reserved|confirmed|finali[sz]ed|secured|locked in|penciled|pencilled)\b",
        r"|\b(?:ive|weve|we|i|have|has|had|is|was|were|been|just|already|now) moved\b|\bmoved (?:your|you|it|this|that|the appointment|to)\b",
        r"|\bon (?:the|my|our|his|her|their|its) way\b|\ben ?route\b|\b(?:heading|headed|driving|coming|rushing) (?:to you|over|out|your way|right now|now)\b",
        r"|\b(?:sent|sending|dispatching|dispatch|will send|ill send|well send|going to send|gonna send) (?:\w+ ){0,3}(?:plumbers?|electricians?|technicians?|techs?|crews?|teams?|vans?|trucks?|somebody|someone|person|people|man|men|guys?|help|brigade|firefighters?|ambulance|police|department|drivers?|workers?|mechanics?|locksmiths?|experts?|pros?|specialists?|services?)\b",
        r"|\b(?:ive|weve|i|we|have|has|was|were|been|already|just) (?:called|notified|alerted|informed|contacted|phoned|told)\b",
        r"|\ball set\b|\b(?:is|are|was|were|youre|its|thats|been|now) (?:set|settled|arranged|(?:in|on) (?:the|our) (?:calendar|books?|schedule))\b",
        r"|\b(?:put|have|got|added|marked|signed) you (?:down|in)\b|^ *see you\b|\b(?:well|we will|will) see you\b",
    ))
});
/// The same words where nothing is said to be done: "not booked yet", "can be moved", "get you scheduled".
static UNDONE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r"\b(?:nothing (?:is|was|has been)|not|isnt|arent|hasnt|havent) (?:yet )?(?:been )?(?:booked|scheduled|confirmed|reserved|settled|set)\b",
        r"|\b(?:can|could|may|must|has to|have to|needs? to) be (?:(?:re)?booked|(?:re)?scheduled|confirmed|moved|cancell?ed|reserved)\b|\bwill be confirmed\b",
        r"|\b(?:get|getting) (?:you|that|this|it|them|something|a visit|a time|your visit) (?:(?:re)?booked|(?:re)?scheduled)\b",
    ))
});
/// A question that a person answers, and a condition, say nothing of what was done.
static OPEN_QUESTION: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^\W*(?:(?:and|or|so|but|also) )?(?:is|are|was|were|do|does|did|have|has|had|would|should|shall|could|can|may|will|when|what|which|who|where|how)\b",
    )
});
static CONDITION: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"^\W*(?:(?:and|or|so|but) )?(?:if|once|until|before|as soon as)\b"));
/// What makes a statement of the rest of a question: "what else, now that you are booked?"
static STATED: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\b(?:that|since|because|as|for which)\b"));
static SECRET: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:cards?|cvv|cvc|cv2|security codes?|pins?|pin ?(?:code|number)s?|passwords?|passcodes?|passphrases?|ssn|social security|social (?:number|sec)|routing numbers?|account numbers?|bank (?:account|details?|info\w*)|iban|sort code|date of birth|expir(?:y|ation)(?: dates?)?|one[ -]?time codes?|otp|verification codes?|drivers? licen[cs]es?|passports?)\b",
    )
});

/// Whether a text speaks of what nobody should send by text.
pub(super) fn names_secret(text: &str) -> bool {
    finds(&SECRET, text)
}

/// Whether a clause says that something was done. A question and a condition say nothing of it.
pub(super) fn is_claimed(text: &str) -> bool {
    let clauses = text.split_inclusive(['.', '!', '?', ';', ',', ':', '\u{2013}', '\u{2014}']);
    clauses.into_iter().any(|clause| {
        let left = match UNDONE.as_ref() {
            Some(undone) => undone.replace_all(clause, " "),
            None => clause.into(),
        };
        let is_asked =
            clause.ends_with('?') && finds(&OPEN_QUESTION, clause) && !finds(&STATED, clause);
        finds(&DEED, &left) && !is_asked && !finds(&CONDITION, clause)
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::guard::{Refusal as R, check};

    /// What assistants of such businesses say all day.
    const SAID: &[&str] = &[
        "Happy to help! What is going on?",
        "Thanks for the details. What is the address, with ZIP code?",
        "Could you send a photo of the leak?",
        "Shall I book {slot:1} for you?",
        "We could come {slot:1} or {slot:2}. Which one suits you?",
        "We can send a plumber {slot:1}. Does that suit you?",
        "Would you like to move your appointment to another day?",
        "I will pass that on to the team.",
        "Somebody of the team will get back to you.",
        "A person of our team will confirm the time with you.",
        "Is the water shut off?",
        "Have you called us before?",
        "Are you already booked with us?",
        "Do you have anything scheduled with us?",
        "Has somebody been sent to you before?",
        "Nothing is booked yet. Does {slot:1} work?",
        "The time is not confirmed yet.",
        "Your appointment can be moved. Which day is better?",
        "Let us get you scheduled. What is the address?",
        "If you are booked already, tell us your name.",
        "Once it is confirmed, you get a text.",
        "The time will be confirmed by a person of our team.",
        "Sorry to hear that! How long has it been leaking?",
        "Is there a gate on the way in?",
        "Which room is it in?",
        "Did you have a visit scheduled for this week?",
        "We are open {hours}.",
        "A drain cleaning is {price:1}. Shall I look for a time?",
        "Does the breaker trip when you reset it?",
        "To change the time, tell me which day is better.",
        "Please keep the area dry.\nWhat is your ZIP code?",
        "Sure, what would you like to change?",
        "Have you just moved in?",
        "Is it a house or an apartment?",
    ];

    #[test]
    fn what_is_said_all_day_may_be_said() {
        for text in SAID {
            assert_eq!(check(text, text), Ok(()), "{text}");
        }
    }

    #[rstest]
    #[case("You are booked for Monday", R::Deed)]
    #[case("You're booked!", R::Deed)]
    #[case("Your appointment is canceled", R::Deed)]
    #[case("I have cancelled it for you.", R::Deed)]
    #[case("Great, your visit is confirmed.", R::Deed)]
    #[case("I moved it to Tuesday", R::Deed)]
    #[case("It has been moved", R::Deed)]
    #[case("Rescheduled to next week.", R::Deed)]
    #[case("b o o k e d", R::Deed)]
    #[case("I have dispatched the fire brigade", R::Deed)]
    #[case("A plumber is on the way", R::Deed)]
    #[case("He is on his way!", R::Deed)]
    #[case("Our crew is en route", R::Deed)]
    #[case("We sent a technician", R::Deed)]
    #[case("I'll send someone right away", R::Deed)]
    #[case("We're sending a plumber", R::Deed)]
    #[case("I've alerted the gas company", R::Deed)]
    #[case("We have called the police", R::Deed)]
    #[case("You are all set!", R::Deed)]
    #[case("It's in the calendar", R::Deed)]
    #[case("I put you down for Monday", R::Deed)]
    #[case("See you Monday!", R::Deed)]
    #[case("Anything else now that you are booked?", R::Deed)]
    #[case("Is there anything else now that it is booked?", R::Deed)]
    #[case("You are booked, ok?", R::Deed)]
    #[case("Not sure why, you are booked", R::Deed)]
    #[case("Send us a card pin code, please", R::Secret)]
    #[case("What is your card number?", R::Secret)]
    #[case("Please text your PIN", R::Secret)]
    #[case("What is the password of your account?", R::Secret)]
    #[case("I need your SSN", R::Secret)]
    #[case("Tell me your social security number", R::Secret)]
    #[case("What are your bank details?", R::Secret)]
    fn deeds_and_secrets_are_refused(#[case] text: &str, #[case] expected: R) {
        assert!(SAID.len() >= 25);
        assert_eq!(check(text, text), Err(expected), "{text}");
    }
}
