//! What the tables know of some numbers of one customer, and the verdict that follows from it.

use std::{borrow::Cow, sync::Arc};

use bin_common_handler::{
    databasehandler::Reader,
    models::{error::Result, time::Timestamp},
};
use roaring::RoaringTreemap;
use serde::Serialize;
use uuid::Uuid;

use super::{VerdictView, checks::Question};
use crate::{
    app::App,
    choice::place::Code,
    compliance::{Address, Consent, Facts, Layer, Listed, Relationship, Verdict, check},
    dbhandler::{dnc, law},
    dncbookhandler::{DncBook, digits},
    models::dncentry::DncKind,
};

/// What the tables know, for some numbers of one customer.
#[derive(Default)]
pub(crate) struct Knowledge {
    numbers: std::collections::BTreeMap<String, law::Known>,
    lists: Vec<(DncKind, Option<Code>, Arc<RoaringTreemap>)>,
    federal_imported: Option<Timestamp>,
    rules: Vec<Layer>,
}

/// An imported list that a number stands on.
#[derive(Debug, Serialize, schemars::JsonSchema)]
#[schemars(rename = "OnDncList")]
pub(crate) struct OnList {
    list: DncKind,
    /// Which state's.
    state: Option<String>,
}

impl Knowledge {
    /// Reads what is known about some numbers.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn read(app: &App, customer_id: Uuid, phones: &[&str]) -> Result<Self> {
        let now = app.store.clock.now();
        let reader = &mut Reader::Db(&app.store.db);
        Self::read_by(reader, &app.dnc, customer_id, phones, now).await
    }

    /// As [`Self::read`], by whoever reads.
    pub(super) async fn read_by(
        reader: &mut Reader<'_>,
        dnc: &DncBook,
        customer_id: Uuid,
        phones: &[&str],
        now: Timestamp,
    ) -> Result<Self> {
        let numbers = law::known(reader, customer_id, phones, now).await?;
        let rules = law::own_rules(reader, customer_id).await?;
        let mut lists = Vec::new();
        let mut federal_imported = None;
        for list in dnc::lists(reader, customer_id).await? {
            if list.list == DncKind::Federal {
                federal_imported = list.tm_imported;
            }
            let numbers = dnc.numbers(reader, &list).await?;
            lists.push((list.list, Code::region(&list.state), numbers));
        }
        Ok(Self {
            numbers,
            lists,
            federal_imported,
            rules: rules.iter().filter_map(|rule| rule.layer()).collect(),
        })
    }

    /// The imported lists that a number stands on.
    pub(crate) fn lists_with(&self, phone: &str) -> Vec<OnList> {
        let number = digits(phone);
        let holds =
            |numbers: &RoaringTreemap| number.is_some_and(|number| numbers.contains(number));
        self.lists
            .iter()
            .filter(|(_, _, numbers)| holds(numbers))
            .map(|(list, state, _)| OnList {
                list: *list,
                state: state.map(|state| state.to_string()),
            })
            .collect()
    }

    /// When a number was called in the last 24 hours.
    pub(crate) fn attempts_of(&self, phone: &str) -> &[Timestamp] {
        self.numbers.get(phone).map_or(&[], |known| &known.attempts)
    }

    /// Attempts that were read again, under a lock.
    pub(crate) fn set_attempts(&mut self, phone: &str, attempts: Vec<Timestamp>) {
        self.numbers.entry(phone.to_owned()).or_default().attempts = attempts;
    }

    /// Calls to a number that were placed at that time or later count no more.
    pub(super) fn forget_attempts_since(&mut self, phone: &str, at: Timestamp) {
        if let Some(known) = self.numbers.get_mut(phone) {
            known.attempts.retain(|attempt| *attempt < at);
        }
    }

    /// Whether the person told the customer to stop.
    pub(crate) fn is_opted_out(&self, phone: &str) -> bool {
        self.numbers.get(phone).is_some_and(|known| known.opted_out)
    }

    /// What was read again, in the transaction that places the call.
    pub(super) fn set_opted_out(&mut self, phone: &str, opted_out: bool) {
        self.numbers.entry(phone.to_owned()).or_default().opted_out = opted_out;
    }

    /// The verdict on one question.
    pub(crate) fn answer(&self, question: &Question) -> VerdictView {
        let nothing = law::Known::default();
        let known = self.numbers.get(&question.phone).unwrap_or(&nothing);
        let listed = self.listed(question, known);
        let consents = known
            .consents
            .iter()
            .filter(|consent| consent.purpose == question.purpose && consent.holds(question.at));
        let consent = consents.clone().max_by_key(|consent| consent.is_written());
        let relationships: Vec<Relationship> = known
            .relationships
            .iter()
            .filter_map(|row| {
                Some(Relationship {
                    kind: row.kind,
                    tm: row.tm?,
                })
            })
            .collect();
        let attempts = counted(&known.attempts, &question.attempts);
        let verdict: Verdict = check(&Facts {
            number: &question.phone,
            address: Address {
                zip: &question.zip,
                state: &question.state,
            },
            at: question.at,
            is_inbound: question.is_inbound,
            purpose: question.purpose,
            attempts: &attempts,
            listed: &listed,
            consent: consent.map(|consent| Consent {
                is_written: consent.is_written(),
            }),
            requires_consent: question.requires_consent,
            relationships: &relationships,
            own_rules: &self.rules,
        });
        VerdictView::new(
            question,
            &listed,
            consent.map(|consent| consent.id),
            verdict,
        )
    }

    fn listed(&self, question: &Question, known: &law::Known) -> Listed {
        let mut listed = Listed {
            opted_out: known.opted_out,
            federal_imported: self.federal_imported,
            ..Listed::default()
        };
        let is_live = |ends: Option<Timestamp>| ends.is_none_or(|ends| question.at < ends);
        for entry in known.entries.iter().filter(|entry| is_live(entry.expires)) {
            add(&mut listed, entry.list, Code::region(&entry.state));
        }
        if let Some(digits) = digits(&question.phone) {
            for (kind, state, numbers) in &self.lists {
                if numbers.contains(digits) {
                    add(&mut listed, *kind, *state);
                }
            }
        }
        listed
    }
}

/// The calls that count, in order: those that were heard of, and others that whoever asks has placed.
fn counted<'k>(heard: &'k [Timestamp], placed: &[Timestamp]) -> Cow<'k, [Timestamp]> {
    if placed.is_empty() {
        return Cow::Borrowed(heard);
    }
    let fresh = placed.iter().filter(|at| !heard.contains(at));
    let mut all: Vec<Timestamp> = heard.iter().chain(fresh).copied().collect();
    all.sort_unstable();
    Cow::Owned(all)
}

fn add(listed: &mut Listed, kind: DncKind, state: Option<Code>) {
    match kind {
        DncKind::Federal => listed.federal = true,
        DncKind::State => listed.states.extend(state),
        DncKind::Internal => listed.internal = true,
        DncKind::Litigation => listed.litigation = true,
        DncKind::Custom => listed.custom = true,
        // What is not known is not called.
        DncKind::Other(_) => listed.custom = true,
    }
}
