//! Clear wordings of "write to me no more", by rules: a stop verb together with contact. What is about leaks, visits and
//! appointments is none. A wish that is missed is found by the word STOP, which every text tells; a text that is taken
//! for one by mistake silences somebody who wanted us, so the rules want both halves next to each other.

use std::sync::LazyLock;

use regex::Regex;

use super::{finds, pattern};

/// Texts, messages, calls: what may be asked to end.
const CONTACT: &str = r"(?:(?:text|txt|sms|mms|phone) )?(?:texts?|texting|txts?|txting|messages?|messaging|msgs?|msging|sms|calls?|calling|contact|contacting|spam|spamming|bothering|harassing|bugging|reminders?|communications?|communicating|correspondence)";
/// What is sent, and called, as nouns.
const MESSAGES: &str =
    r"(?:(?:text|txt|sms|mms|phone) )?(?:texts?|txts?|messages?|msgs?|sms|calls)";
/// What may stand between the verb and the contact.
const BETWEEN: &str = r"(?:(?:all|any|the|these|those|this|your|more|with|w/|sending|send|getting|receiving|me|us|damn|stupid|annoying|automated|unwanted|of|further|future|spam|marketing|service|program|business|number) )*";
/// What may follow; anything else is about something else.
const AFTER: &str = r"(?: (?:me|us|with me|with us|my phone|my number|this number|this phone|here|again|any ?more|ever|please|pls|plz|now|right now|immediately|at once|at all|thanks|thank you|thx|already|today|too|so much|all the time|everyone|ok|okay|and|u|you|you people|from you|from this number|from (?:you guys|your company)|your texts|your messages|further|with (?:this|these|the) (?:texts|messages|calls)|by (?:text|texts|text message|sms|message)|or call(?:ing)?(?: me)?))*";
/// Why somebody wants no texts, or where: whatever it is, they want none.
const REASON: &str = r"(?: (?:because|bc|cuz|since|as) .*| (?:at|while at) (?:my |the )?(?:work|job|office)(?: (?:please|pls|plz|thanks|thank you))*)?";

/// `stop texting me`, `stop all these messages`, `quit calling`.
static STOP_CONTACT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(&format!(
        r"^(?P<before>.*?)\b(?:stop|stopped|quit|cease|halt|end|discontinue|desist from|refrain from|no more|enough (?:of|with)|done with|sick of|unsubscribe me from|cancel) (?:{BETWEEN}{CONTACT}|sending (?:me |us )?(?:these|this|those|them|stuff|anything)){AFTER}{REASON}$"
    ))
});
/// Who comes before, where the verb is a wish and not a story.
static WISH_BEFORE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:please|pls|plz|ok|okay|hey|hi|hello|yo|just|kindly|now|so|and|but|no|nope|sorry|thanks|thank you|sir|guys|dude|omg|wtf|ffs|seriously|i said|i told you|i told you to|i asked you to|im asking you to|would you|could you|can you|will you|can u|could u|would u|(?:you|u|ya) (?:guys )?(?:need to|must|have to|should|better|gotta)|i want you to|i need you to|i would like you to|id like you to|i want to|i would like to|id like to|i wish to|want to|wanna|i wanna|i am|im|we are|were|lets|let us|make it|for the last time|once again|again|all of you|everyone|i demand that you|i demand you|please just|we want you to|we need you to|no more|enough) ?)*$",
    )
});
/// `do not text me again`, `never call this number`.
static NO_CONTACT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(&format!(
        r"\b(?:dont|do not|donot|never|u cant|you cant|you may not|you may no longer|i dont want you to|i do not want you to|dont want you to|no longer|please no longer|i forbid you to) (?:you )?(?:ever |dare |dare to |please |keep )?(?:text|texting|txt|message|messaging|msg|sms|call|calling|contact|contacting|spam|bother|harass|reach out to|write|write to) (?:me|us|this number|this phone|my number|my phone|here|to me|to us){AFTER}$"
    ))
});
/// `do not send me text messages`.
static NOT_SENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(&format!(
        r"\b(?:dont|do not|donot|never|you may not|you may no longer|no longer|i forbid you to) (?:you )?(?:ever |dare to |please |keep )?send(?:ing)? (?:(?:me|us|this number|this phone|my number|my phone) )?{BETWEEN}{MESSAGES}{AFTER}$"
    ))
});
/// `no texts please`: with less around it, it may be a question.
static NO_MESSAGES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?:please |pls |plz )?no (?:more )?(?:(?:text|txt|sms) )?(?:texts|txts|messages|msgs|sms)(?: (?:please|pls|plz|any ?more|ever|thanks|thank you|to (?:me|this number|my phone)|from you))+$|^(?:please|pls|plz) no (?:more )?(?:(?:text|txt|sms) )?(?:texts|txts|messages|msgs|sms)$",
    )
});
/// `no texts`, where it is no question.
static NO_TEXTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?:please |pls |plz |and |so )?no (?:more )?(?:(?:text|txt|sms) )?(?:texts|txts|messages|msgs|sms|texting|txting|messaging)(?: me| us)?$",
    )
});
/// `do not contact`: whom, is not said. A call may be meant, so calls are none of it.
static NO_CONTACT_AT_ALL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?:please |pls |plz |just |and |so )?(?:dont|do not|donot|never) (?:ever )?(?:contact|text|txt|message|msg|sms)(?: (?:again|ever|any ?more|please|pls|plz|thanks|thank you|ever again))*$",
    )
});
/// `I revoke my consent` (47 CFR 64.1200(a)(10)).
static REVOKED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:revoke|revoking|withdraw|withdrawing|rescind) (?:(?:my|all|any|prior|previous|express|written) )*(?:consent|permission)\b",
    )
});
/// `I don't want any more texts`.
static NOT_WANTED: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(&format!(
        r"\b(?:dont|do not|no longer) (?:want|wish|need|like|care)(?: to)?(?: get| receive| be getting| be receiving| for)? {BETWEEN}(?:{MESSAGES}|contact|to be contacted|to be texted|to be called|be contacted|be texted|be messaged){AFTER}$"
    ))
});
/// `remove me from your list`, `lose my number`.
static OFF_THE_LIST: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:(?:remove|take|delete|drop|get|scratch|strike) (?:me|us|my number|my phone|my phone number|my cell|this number|my contact|my info) (?:off|from|out of) (?:of )?(?:(?:your|ur|the|this|that|any|all) )?(?:(?:call|calling|text|texting|texts|sms|mailing|contact|marketing|message|messaging|phone|spam|damn|stupid|whole|entire) )*(?:lists?|contacts?|database|system|records|texts|messages|notifications|calls)\b|(?:remove|delete|lose|erase|forget) (?:my|this) (?:phone )?number$|(?:remove|delete|lose|erase) (?:my|this) (?:phone )?number (?:please|now|from)|(?:put|place|add) (?:me|us|this number|my number) (?:on|onto|to) (?:your |the )?(?:do not call|dnc|do not contact|do not text)|leave me alone)",
    )
});
/// `remove me`: from what, is not said.
static REMOVE_ME: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:please|pls|plz|just|and|so|kindly|can you|could you|stop) )*(?:remove|delete) me(?: (?:please|pls|plz|now|thanks|thank you|immediately|at once))*$",
    )
});
/// `unsubscribe me`, `I want to opt out`.
static UNSUBSCRIBE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?:please |pls |plz |hi |hello |ok |okay |how (?:do|can) i |i want to |i wanna |i would like to |id like to |i wish to |i need to |can you |could you |can i |let me |stop |to |kindly |just |want to )*(?:unsubscribe|opt ?-?out|opt (?:me|us) out|unsub)(?: me| us| this number| my number)?(?: (?:please|pls|plz|now|immediately|thanks|thank you|from (?:this|these|the|your|all|all your|any)(?: (?:texts?|messages?|list|lists|sms|notifications|number))?|of (?:this|these|the|your|all|all your|any)(?: (?:texts?|messages?|list|lists|sms|notifications))?|of (?:texts|messages|texting|sms)))*$",
    )
});
/// `please stop`, `lol stop`, `stop it`: nothing else is said.
static JUST_STOP: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"^(?:(?:please|pls|plz|just|ok|okay|hey|hi|hello|no|nah|nope|no thanks|no thank you|no ty|thanks|thank you|sorry|not interested|wrong number|wrong person|lol|lmao|haha|i said|i say|now|enough|omg|wtf|ffs) )*(?:stop|quit|unsubscribe|stop stop|stop it|stop this|quit it|stop that|cease|cease and desist)(?: (?:stop|please|pls|plz|now|it|this|thanks|thank you|already|all|immediately|right now|ok|okay|and|remove me|take me off|wrong number|wrong person|not interested|lol|unsubscribe|(?:2|to) (?:end|stop|quit|cancel|unsubscribe|opt ?out)))*$",
    )
});
/// `STOP I found someone else`: the word, and why.
static STOP_AND_WHY: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r"^(?:(?:please|pls|plz|no|no thanks|hey|hi) )*(?:stop|unsubscribe) (?:",
        r"(?:i|ive|we|weve) (?:(?:have|already|just) )*(?:found|hired|got|booked|chose|picked|went with|am going with|are going with) (?:(?:a|an|the) )?(?:someone|somebody|another|other|one|different|elsewhere|help|plumber|electrician|guy|company|contractor)",
        r"|(?:i|we) (?:(?:really|already) )?(?:(?:dont|do not|no longer) (?:need|want|live|own|know)|(?:never|didnt|did not) (?:ask|asked|sign|signed|agree|agreed|contact|contacted))",
        r"|(?:im|i am|we are|were) (?:not|no longer) (?:interested|the|your|him|her|in need)",
        r"|you (?:have|got) the wrong|this is (?:not|the wrong|a wrong)|already (?:found|hired) )\b.*$",
    ))
});
/// They want us after all, only in another way.
static INVITES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:instead|rather|until|till|unless|before|after|when|while|during|if|because|at work|at home|at night|on (?:my|the) (?:work|home|other|office)|just (?:text|call|email|come)|(?:please|you can|can you|could you|so|and|then|better) (?:text|call|email|message|come)|(?:text|message|call|email) me (?:at|on|when|back|if|with|the|your|a|an|here|later|tomorrow|asap|please|once|first|to|about)|email me|text only|call only|by text|by phone|by email|come by|stop by)\b",
    )
});

/// The same, where it is a clause of its own.
static INVITATION: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\b(?:text|call|message) me$"));

/// It is texts that they want no more of.
static ABOUT_TEXTS: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\b(?:texts?|texting|txts?|txting|messag\w*|msgs?|msging|sms)\b"));
/// It is calls that they want no more of.
static ABOUT_CALLS: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\bcall(?:s|ing)?\b"));
/// They want texts after all, or only with a condition: calls and visits are no texts.
static INVITES_TEXTS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"\b(?:until|till|unless|except|(?:text|message|msg|sms) (?:me|us|is|works|instead|only)|by (?:text|sms)|(?:can|could|may|to) (?:text|message)|before \d|after \d)\b",
    )
});

/// Whether a text, in its [`plain`](super::plain_lines) form, clearly asks for no more.
pub(super) fn is_stop(text: &str) -> bool {
    let (wishes, others): (Vec<Clause>, Vec<Clause>) =
        clauses(text).into_iter().partition(is_stop_clause);
    if wishes.is_empty() {
        return false;
    }
    let is_about = |rule: &Option<Regex>| wishes.iter().any(|wish| finds(rule, &wish.words));
    let invites_texts = || {
        let mut words = others.iter().map(|clause| clause.words.as_str());
        words.any(|words| finds(&INVITES_TEXTS, words))
    };
    if is_about(&ABOUT_TEXTS) {
        return !invites_texts();
    }
    if is_about(&ABOUT_CALLS) && invites_texts() {
        return false;
    }
    !others.iter().any(|clause| invites(&clause.words))
}

/// A sentence, or a part of one.
struct Clause {
    /// In single spaces, without marks.
    words: String,
    /// It ends with a question mark.
    is_asked: bool,
}

/// What ends a clause.
const ENDS: [char; 12] = [
    '.', '!', '?', ';', ',', ':', '\n', '(', ')', '"', '\u{2013}', '\u{2014}',
];

/// Sentences and their halves.
fn clauses(text: &str) -> Vec<Clause> {
    // A dash between words is a mark, one within a word is none.
    let text = text.replace(" - ", ".").replace("--", ".");
    text.split_inclusive(ENDS)
        .map(|clause| {
            let marks = |c: char| c.is_whitespace() || matches!(c, '*' | '_' | '-' | '~');
            let words: Vec<&str> = clause
                .trim_end_matches(ENDS)
                .split(marks)
                .filter(|word| !word.is_empty())
                .collect();
            Clause {
                words: words.join(" "),
                is_asked: clause.ends_with('?'),
            }
        })
        .filter(|clause| !clause.words.is_empty())
        .collect()
}

fn is_stop_clause(Clause { words, is_asked }: &Clause) -> bool {
    let clause = words.as_str();
    let asks = [
        &JUST_STOP,
        &STOP_AND_WHY,
        &UNSUBSCRIBE,
        &OFF_THE_LIST,
        &REMOVE_ME,
    ];
    if asks.iter().any(|ask| finds(ask, clause)) {
        return true;
    }
    if !is_asked && (finds(&NO_TEXTS, clause) || finds(&NO_CONTACT_AT_ALL, clause)) {
        return true;
    }
    let wishes = [&NO_CONTACT, &NOT_SENT, &NO_MESSAGES, &NOT_WANTED, &REVOKED];
    if wishes.iter().any(|wish| finds(wish, clause)) {
        return true;
    }
    let Some(found) = STOP_CONTACT
        .as_ref()
        .and_then(|pattern| pattern.captures(clause))
    else {
        return false;
    };
    let before = found.name("before").map_or("", |before| before.as_str());
    finds(&WISH_BEFORE, before.trim())
}

/// Another clause asks for contact, or the wish has a condition.
fn invites(clause: &str) -> bool {
    finds(&INVITES, clause) || finds(&INVITATION, clause)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::optout::{Wish, read};

    #[rstest]
    #[case("please stop texting me")]
    #[case("Please STOP texting me!!")]
    #[case("stop texting")]
    #[case("Stop texting me.")]
    #[case("stop messaging me please")]
    #[case("Stop sending me messages")]
    #[case("stop sending texts")]
    #[case("Stop all texts")]
    #[case("stop calling me")]
    #[case("Quit texting me")]
    #[case("can you stop texting me")]
    #[case("Could you please stop contacting me?")]
    #[case("I want you to stop texting me")]
    #[case("I asked you to stop texting me")]
    #[case("I want to stop receiving messages")]
    #[case("I'd like to stop getting these texts")]
    #[case("don\u{2019}t text me")]
    #[case("Don't text me again")]
    #[case("do not contact me")]
    #[case("DO NOT CONTACT ME AGAIN")]
    #[case("never text me again")]
    #[case("Do not text this number anymore")]
    #[case("I don't want you to text me")]
    #[case("I don't want any more texts")]
    #[case("i do not want to receive these messages")]
    #[case("No more texts please")]
    #[case("no more messages")]
    #[case("Remove me from your list")]
    #[case("take me off your list")]
    #[case("please remove me from your contact list")]
    #[case("delete my number")]
    #[case("lose my number")]
    #[case("Put me on your do not call list")]
    #[case("unsubscribe me")]
    #[case("please unsubscribe")]
    #[case("I want to unsubscribe")]
    #[case("opt out")]
    #[case("Opt me out please")]
    #[case("I want to opt-out of these messages")]
    #[case("leave me alone")]
    #[case("please stop")]
    #[case("stop it")]
    #[case("STOP STOP STOP")]
    #[case("Wrong number. Stop texting me")]
    #[case("Hi, who is this? Please stop texting me, thanks")]
    #[case("stop bothering me")]
    #[case("stop spamming me")]
    #[case("Unsubscribe from this list")]
    #[case("Please stop sending me text messages")]
    #[case("stop text messages")]
    #[case("no more text messages")]
    #[case("I no longer wish to receive text messages from you")]
    #[case("do not send me text messages")]
    #[case("do not send me texts")]
    #[case("Don't send me any more messages")]
    #[case("stop sending me these")]
    #[case("no texts please")]
    #[case("please no texts")]
    #[case("Please do not contact me by text")]
    #[case("stop contacting me by text")]
    #[case("stop msging me")]
    #[case("stop this service texting me")]
    #[case("I revoke my consent")]
    #[case("Revoke consent")]
    #[case("please cease and desist")]
    #[case("STOP - wrong number")]
    #[case("STOP please remove me")]
    #[case("STOP\n\nSent from my iPhone")]
    #[case("Stop\r\n--\r\nJohn")]
    #[case("Stop. Thanks")]
    #[case("Stop texting me because I already found someone")]
    #[case("Stop texting my phone. Call me instead")]
    #[case("Stop texting me at work please")]
    #[case("please stop texting, you have the wrong number")]
    #[case("do not contact")]
    #[case("Do not contact again please")]
    #[case("U need to stop texting me")]
    #[case("you guys should stop texting me")]
    #[case("halt texting me")]
    #[case("Halt all messages")]
    #[case("Please refrain from texting me")]
    #[case("STOP I found someone else")]
    #[case("stop we already hired somebody")]
    #[case("Stop I never signed up for this")]
    #[case("STOP you have the wrong number")]
    #[case("no thanks stop")]
    #[case("lol stop")]
    #[case("wrong number stop")]
    #[case("stop wrong person")]
    #[case("no texts")]
    #[case("No texts. Thanks")]
    #[case("no texting")]
    #[case("no more txts")]
    #[case("don't message")]
    #[case("dont text")]
    #[case("cease all communication")]
    #[case("stop all communications with me")]
    #[case("you have the wrong number, remove me")]
    #[case("please remove me")]
    #[case("STOP 2 END")]
    #[case("stop to end")]
    #[case("Don't call me. Don't text me")]
    #[case("STOP. Why are you trying to message this number")]
    fn a_clear_wording_is_an_opt_out(#[case] text: &str) {
        let wish = read(text);
        assert_eq!(wish, Some(Wish::StopInOtherWords), "{text}");
    }

    /// What a plumber, an electrician and a dentist are really told.
    const NO_OPT_OUTS: &[&str] = &[
        "the leak won't stop",
        "cancel my appointment",
        "Please cancel my appointment for tomorrow",
        "I can't stop the water, please call me",
        "it won't stop dripping",
        "How do I stop the water?",
        "stop by tomorrow",
        "Please stop by and text me when you are here",
        "can you stop by after 5",
        "the alarm doesn't stop beeping",
        "My toilet won't stop running, call me",
        "non-stop noise from the furnace",
        "the bus stop is right in front",
        "turn at the stop sign",
        "don't forget to text me",
        "Don't stop texting me",
        "please don't stop sending updates",
        "why did you stop texting me?",
        "did you stop calling?",
        "Don't call me, text me instead",
        "don't call me at work",
        "please don't text me at night, call me",
        "Don't call before 9",
        "do not text me until tomorrow",
        "I had to stop texting, driving now",
        "stop calling it a furnace",
        "I never got your text",
        "no call needed, just text me",
        "No texts yet?",
        "I don't need a call, text is fine",
        "Don't text the address to him",
        "I can't text right now",
        "my phone stopped receiving calls",
        "the phone line stopped working",
        "can you end the service contract?",
        "when does the sale end",
        "End of the driveway, blue house",
        "I quit my job so I am home all day",
        "quit smoking so no smell please",
        "Cancel the 3pm, I can do 4pm",
        "I need to cancel",
        "can I cancel or move it?",
        "cancel that, it works again",
        "cancel my order of the part",
        "remove the old unit please",
        "Can you remove me from the Tuesday slot?",
        "take me off hold please",
        "take the wheels off the cart",
        "delete the second appointment",
        "my number is 555",
        "this is my new number",
        "I want to opt out of the extended warranty",
        "don't unsubscribe me",
        "I didn't unsubscribe",
        "no more hot water",
        "no more leaks please",
        "there are no more parts in stock?",
        "The drain is stopped up",
        "sink stopped draining",
        "the message light on the dishwasher won't stop blinking",
        "Revoke the permit?",
        "the call button in the elevator stopped working",
        "can he stop at the gate and call",
        "I'm done with work at 5",
        "leave the key under the mat",
        "Stop the pump before you call me",
        "do you text or call?",
        "Do not contact the tenant, contact me",
        "please stop the bleeding from the pipe",
        "text me when you stop for the day",
        "never mind",
        "start on Monday",
        "yes stop by at 5",
        "help me please",
        "Stop texting me after 9pm",
        "stop texting me until Monday",
        "Don't send me the invoice by mail",
        "never send the texts to my wife's phone, send them to me",
        "Did you send me a text?",
        "no texts from the plumber yet",
        "I'd stop the water - call me first",
        "Stop by at 5 - the gate is open",
        "I withdraw my question",
        "we stopped sending the water through the old pipe",
        "The alarm stops\nand then it starts again",
        "cancel the 3pm please",
        "please end the tour at the garage",
        "A B C D are the units",
        "dont call me, text is better",
        "Please don't call, you can text",
        "stop calling me, texts are fine, text me",
        "No texts?",
        "no text",
        "Don't message?",
        "please remove it",
        "remove me from Tuesday please",
        "stop I mean the water valve",
        "Stop we need to move it to Friday",
        "halt the work please",
        "the thermostat stopped communicating with the furnace",
        "do not contact my wife",
        "no texting while I drive, call after 5",
        "first stop is the garage",
    ];

    #[test]
    fn what_is_about_something_else_is_none() {
        assert!(NO_OPT_OUTS.len() >= 50);
        let taken: Vec<_> = NO_OPT_OUTS
            .iter()
            .filter(|text| read(text).is_some())
            .collect();
        assert_eq!(taken, [] as [&&str; 0]);
    }
}
