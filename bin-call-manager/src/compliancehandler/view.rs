//! A verdict as the wire has it.

use bin_common_handler::models::time::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::checks::Question;
use crate::compliance::{Listed, Purpose, Reason, Verdict};

/// What the law says about a call.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "ComplianceVerdict")]
pub(crate) struct VerdictView {
    /// Whether the call may be placed.
    pub allowed: bool,
    /// Why not; null where it may.
    pub rule: Option<Reason>,
    /// By which law, or whose list.
    pub citation: Option<String>,
    /// When it may be placed, where that is only a matter of time.
    pub next_allowed: Option<Timestamp>,
    /// Time zones where the person may be; empty = not known.
    pub zones: Vec<String>,
    /// What the verdict stands on.
    pub facts: FactsView,
}

/// What a verdict stands on.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "ComplianceFacts")]
pub(crate) struct FactsView {
    at: Timestamp,
    purpose: Purpose,
    direction: &'static str,
    states: Vec<String>,
    attempts_24h: u32,
    max_per_24h: Option<u32>,
    /// Lists that the number stands on; a state's by its code; `opted_out` where the person told us to stop.
    lists: Vec<String>,
    federal_list_imported: Option<Timestamp>,
    consent_id: Option<Uuid>,
    relationship: bool,
}

impl VerdictView {
    /// The rule that forbids the call, as a reason.
    pub(super) fn rule_name(&self) -> &'static str {
        self.rule.map_or("NOT_ALLOWED", |rule| rule.as_str())
    }

    pub(super) fn new(
        question: &Question,
        listed: &Listed,
        consent_id: Option<Uuid>,
        verdict: Verdict,
    ) -> Self {
        Self {
            allowed: verdict.allowed,
            rule: verdict.rule,
            citation: verdict.citation,
            next_allowed: verdict.next_allowed,
            zones: verdict
                .zones
                .iter()
                .map(|zone| zone.name().to_owned())
                .collect(),
            facts: FactsView {
                at: question.at,
                purpose: question.purpose,
                direction: if question.is_inbound {
                    "inbound"
                } else {
                    "outbound"
                },
                states: verdict.states.iter().map(ToString::to_string).collect(),
                attempts_24h: verdict.attempts_24h,
                max_per_24h: verdict.max_per_24h,
                lists: names(listed),
                federal_list_imported: listed.federal_imported,
                consent_id,
                relationship: verdict.has_relationship,
            },
        }
    }
}

fn names(listed: &Listed) -> Vec<String> {
    let flags = [
        ("opted_out", listed.opted_out),
        ("federal", listed.federal),
        ("internal", listed.internal),
        ("litigation", listed.litigation),
        ("custom", listed.custom),
    ];
    let named = flags.into_iter().filter(|(_, is)| *is);
    named
        .map(|(name, _)| name.to_owned())
        .chain(listed.states.iter().map(ToString::to_string))
        .collect()
}
