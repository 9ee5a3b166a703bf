//! The one answer that serves every dialer's script.

use bin_common_handler::models::time::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    area,
    choice::{number::Number, view::View},
    models::usage::{Reason, Usage},
    phone::{E164, NumberFormat},
};

/// A number for a call. Over HTTP `did` stands under `data` as well.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(crate) struct Answer {
    pub success: bool,
    pub did: GivenNumber,
    pub selected_did: String,
    #[serde(rename = "selectedDID")]
    pub selected: String,
    pub metadata: Selection,
    /// Why this number.
    pub reason: Reason,
    /// Its usage; missing in a dry run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_id: Option<Uuid>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// The number given.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(crate) struct GivenNumber {
    pub id: Uuid,
    #[serde(rename = "didId")]
    pub did_id: Uuid,
    pub number: String,
    #[serde(rename = "phoneNumber")]
    pub phone_number: String,
    pub provider: String,
    pub carrier: String,
    pub description: String,
    pub state: String,
    #[serde(rename = "areaCode")]
    pub area_code: String,
    pub reputation: Option<i32>,
    pub algorithm: &'static str,
    pub campaign_id: String,
    pub agent_id: String,
    #[serde(rename = "selectedAt")]
    pub selected_at: Timestamp,
    pub is_fallback: bool,
    pub location: Location,
    pub metadata: Usages,
}

/// Where the number is.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "NumberLocation")]
pub(crate) struct Location {
    pub state: String,
    pub city: String,
    #[serde(rename = "areaCode")]
    pub area_code: String,
    /// Kilometres to the person called, where both places are known.
    pub distance: Option<f64>,
}

/// How often the number was used.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
#[schemars(rename = "NumberUsages")]
pub(crate) struct Usages {
    #[serde(rename = "todayUsage")]
    pub today: i32,
    /// 0 = no cap.
    #[serde(rename = "dailyLimit")]
    pub daily_limit: i32,
    #[serde(rename = "totalCalls")]
    pub total: i64,
    pub state: String,
    #[serde(rename = "areaCode")]
    pub area_code: String,
}

/// How it was selected.
#[derive(Debug, Clone, Serialize, schemars::JsonSchema)]
pub(crate) struct Selection {
    pub campaign_id: String,
    pub agent_id: String,
    pub timestamp: Timestamp,
    pub source: &'static str,
    pub pool_id: Uuid,
    pub selection_method: String,
}

/// How the caller wants it written.
pub(super) struct Wanted<'a> {
    pub format: NumberFormat,
    pub agent: &'a str,
    pub place: Option<(f64, f64)>,
    pub is_dry_run: bool,
}

impl Answer {
    /// The answer that tells of `usage`; `view` knows its number, unless it was deleted since.
    pub(super) fn new(usage: &Usage, view: &View, wanted: &Wanted<'_>) -> Self {
        let known = view.by_id(usage.did_id).map(|(_, number)| number);
        let given = GivenNumber::new(usage, known, view, wanted);
        let reason = &usage.reason.0;
        Self {
            success: true,
            selected_did: given.number.clone(),
            selected: given.number.clone(),
            metadata: Selection {
                campaign_id: usage.vicidial_campaign_id.clone(),
                agent_id: wanted.agent.to_owned(),
                timestamp: usage.tm_create,
                source: "tandem",
                pool_id: usage.didpool_id,
                selection_method: format!("{}/{}", reason.tier, reason.algorithm),
            },
            did: given,
            reason: reason.clone(),
            usage_id: (!wanted.is_dry_run).then_some(usage.id),
            dry_run: wanted.is_dry_run,
        }
    }
}

impl GivenNumber {
    fn new(usage: &Usage, known: Option<&Number>, view: &View, wanted: &Wanted<'_>) -> Self {
        let now = usage.tm_create.micros();
        let e164 = E164::parse(&usage.number);
        let number = e164
            .as_ref()
            .map_or(usage.number.as_str(), |e164| e164.display(wanted.format));
        let npa = e164
            .as_ref()
            .and_then(E164::npa)
            .map(|npa| npa.to_string())
            .unwrap_or_default();
        let text = |read: fn(&Number) -> &str| known.map(read).unwrap_or_default().to_owned();
        let state = text(|number| &number.state);
        let place = known.and_then(|number| number.place);
        let windows = view.windows_at(now);
        let reason = &usage.reason.0;
        Self {
            id: usage.did_id,
            did_id: usage.did_id,
            number: number.to_owned(),
            phone_number: number.to_owned(),
            provider: text(|number| &number.provider),
            carrier: text(|number| &number.carrier),
            description: text(|number| &number.description),
            reputation: known.and_then(|number| number.reputation),
            algorithm: reason.algorithm.as_str(),
            campaign_id: usage.vicidial_campaign_id.clone(),
            agent_id: wanted.agent.to_owned(),
            selected_at: usage.tm_create,
            is_fallback: reason.fallback,
            location: Location {
                state: state.clone(),
                city: text(|number| &number.city),
                area_code: npa.clone(),
                distance: wanted
                    .place
                    .zip(place)
                    .map(|(one, other)| area::distance_km(one, other)),
            },
            metadata: Usages {
                today: known.map_or(0, |number| number.used.today(&windows)),
                daily_limit: known
                    .and_then(|number| number.daily_cap(&view.defaults, now))
                    .unwrap_or(0),
                total: known.map_or(0, |number| number.used.total),
                state: state.clone(),
                area_code: npa.clone(),
            },
            state,
            area_code: npa,
        }
    }
}
