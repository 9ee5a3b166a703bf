//! What a shape of results is, and how one is read into the one [`CallResult`].

use bin_common_handler::models::{
    error::{Error, Result},
    time::Timestamp,
};

use super::{causes, fields::Fields};
use crate::{
    models::{
        callresult::{CallResult, Source},
        customer::Customer,
        verdict::Verdict,
    },
    phone::{Dialled, E164, read_dialled},
};

/// Refusals that a network makes because of who calls: declined, unwanted, rejected (RFC 3261, 8197, 8688).
const SIP_BLOCKED: [u32; 3] = [603, 607, 608];
/// Ids of one call that are looked for.
const CALL_IDS_MAX: usize = 3;
/// What scripts say for a disposition, or a word, that they do not know.
const NO_WORD: [&str; 4] = ["UNKNOWN", "NONE", "N/A", "UNDEFINED"];
/// A text with fewer digits says nothing of who was called.
const PERSON_DIGITS_MIN: usize = 4;

type Names = &'static [&'static str];

/// Where a shape has what; several names are tried in order.
pub(super) struct Shape {
    pub source: Source,
    pub call_ids: Names,
    pub call_id: Names,
    pub person: Names,
    /// The country code of `person`, where that stands apart.
    pub person_country: Names,
    pub did: Names,
    pub campaign: Names,
    pub lead_id: Names,
    pub disposition: Names,
    pub word: Names,
    pub duration: Names,
    /// Local time, and epoch, of the call's begin.
    pub began_local: Names,
    pub began: Names,
    /// Epoch of its end.
    pub ended: Names,
}

pub(super) const NOTHING: Shape = Shape {
    source: Source::Report,
    call_ids: &["uniqueid", "unique_id", "uniqueId"],
    call_id: &["call_id", "callId"],
    person: &[],
    person_country: &[],
    did: &[],
    campaign: &["campaign_id", "campaignId"],
    lead_id: &["lead_id", "leadId"],
    disposition: &["disposition", "dispo", "status"],
    word: &[],
    duration: &["duration"],
    began_local: &["callDate", "call_date"],
    began: &["startEpoch", "start_epoch"],
    ended: &["endEpoch", "end_epoch", "timestamp", "epoch"],
};

impl Shape {
    /// Reads what was sent.
    pub(super) fn read(&self, fields: &Fields, customer: &Customer) -> Result<CallResult> {
        let duration_seconds = fields
            .seconds(self.duration)
            .or_else(|| self.length(fields));
        let result = CallResult {
            source: self.source,
            call_ids: call_ids(self.call_ids.iter().map(|name| fields.text(&[name]))),
            call_id: fields.short(self.call_id),
            person: self.person(fields, customer),
            tells_person: self.tells_person(fields),
            did: E164::parse(fields.raw(self.did)),
            campaign: fields.short(self.campaign),
            lead_id: fields.short(self.lead_id),
            verdict: None,
            disposition: said(fields.short(self.disposition), customer),
            word: said(fields.short(self.word), customer),
            is_blocked: false,
            duration_seconds,
            tm_call: self.began(fields, customer, duration_seconds),
        };
        ensure_identified(&result)?;
        Ok(judged(result, fields, customer))
    }

    /// Whether it says who was called, in whatever form.
    fn tells_person(&self, fields: &Fields) -> bool {
        let digits = fields.text(self.person).bytes();
        digits.filter(u8::is_ascii_digit).count() >= PERSON_DIGITS_MIN
    }

    fn person(&self, fields: &Fields, customer: &Customer) -> Option<E164> {
        let text = fields.raw(self.person);
        match fields.text(self.person_country) {
            "" | "1" => number(text, customer),
            country => E164::parse(&format!("+{country}{}", text.trim()))
                .or_else(|| number(text, customer)),
        }
    }

    /// From begin to end.
    fn length(&self, fields: &Fields) -> Option<i32> {
        let (began, ended) = (fields.time(self.began)?, fields.time(self.ended)?);
        let seconds = ended.micros().checked_sub(began.micros())? / 1_000_000;
        i32::try_from(seconds)
            .ok()
            .filter(|seconds| (0..=86_400).contains(seconds))
    }

    fn began(
        &self,
        fields: &Fields,
        customer: &Customer,
        duration_seconds: Option<i32>,
    ) -> Option<Timestamp> {
        let zone = customer.calendar().zone;
        let length = i64::from(duration_seconds.unwrap_or_default()) * 1_000_000;
        fields
            .time(self.began)
            .or_else(|| fields.local_time(self.began_local, zone))
            .or_else(|| {
                let ended = fields.time(self.ended)?;
                Some(Timestamp::from_micros(ended.micros() - length))
            })
    }
}

/// Refuses what can never be anybody's call.
fn ensure_identified(result: &CallResult) -> Result<()> {
    let is_named = !result.call_ids.is_empty()
        || !result.call_id.is_empty()
        || !result.lead_id.is_empty()
        || result.person.is_some()
        || result.did.is_some();
    if is_named {
        return Ok(());
    }
    Err(Error::invalid_argument(
        "CALL_NOT_NAMED",
        "The report names no call: send uniqueid, call_id, the lead's id, or a whole phone number.",
    ))
}

/// What is said of how the call went; nothing where that is that nobody knows, unless it is a word of the tenant's.
fn said(text: String, customer: &Customer) -> String {
    let is_none = NO_WORD.iter().any(|word| word.eq_ignore_ascii_case(&text));
    let is_own = Verdict::of_disposition(&text, &customer.dispositions.0).is_some();
    if is_none && !is_own {
        String::new()
    } else {
        text
    }
}

/// Puts everything that says how the call went together.
fn judged(mut result: CallResult, fields: &Fields, customer: &Customer) -> CallResult {
    let hangup_cause = fields.text(&["hangupCause", "hangup_cause"]);
    let known = [
        Verdict::of_disposition(&result.disposition, &customer.dispositions.0),
        Verdict::of_word(&result.word),
        Verdict::of_word(&result.disposition),
        Verdict::of_amd(fields.text(&["amdStatus", "amd_status"])),
        causes::q850(hangup_cause).and_then(Verdict::of_cause),
    ];
    let surest = known.into_iter().flatten().reduce(Verdict::or_surer);
    result.verdict = surest.or_else(|| by_talk(&result));
    let mut codes = causes::sip(fields.text(&["sipHangupCause", "sip_hangup_cause"]));
    codes.extend(causes::sip_beside(hangup_cause));
    let is_refused = codes.iter().any(|code| SIP_BLOCKED.contains(code));
    let is_answered = result
        .verdict
        .is_some_and(|verdict| verdict.outcome.is_answered());
    result.is_blocked = is_refused && !is_answered;
    result
}

/// A disposition that nobody knows still says that there was a call, when it had a length or an agent gave it.
fn by_talk(result: &CallResult) -> Option<Verdict> {
    if result.disposition.is_empty() {
        return None;
    }
    if result.duration_seconds.is_some_and(|seconds| seconds > 0) {
        return Some(Verdict::ANSWERED);
    }
    (result.source == Source::Dispo).then_some(Verdict::GUESSED)
}

pub(super) fn number(text: &str, customer: &Customer) -> Option<E164> {
    match read_dialled(text, &customer.dial_prefixes.0) {
        Dialled::Number(number) => Some(number),
        Dialled::Result(_) | Dialled::Noise | Dialled::Empty => None,
    }
}

pub(super) fn call_ids<'t>(texts: impl IntoIterator<Item = &'t str>) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for text in texts {
        let id = text.trim();
        if !id.is_empty() && !ids.iter().any(|known| known == id) && ids.len() < CALL_IDS_MAX {
            ids.push(id.to_owned());
        }
    }
    ids
}
