//! What events must be, whatever they tell.

use std::collections::{BTreeMap, BTreeSet};

use bin_common_handler::testing::lab::Heard;
use uuid::Uuid;

use crate::tally::Tally;

/// How often an event was told again under its id.
pub fn repeated(heard: &[Heard]) -> u64 {
    let ids: BTreeSet<_> = heard.iter().map(|event| &event.message_id).collect();
    (heard.len() - ids.len()) as u64
}

/// Told for the first time, the events of one entity come in the order of their versions.
pub fn order_holds(heard: &[Heard], tally: &mut Tally) {
    let mut known = BTreeSet::new();
    let mut newest: BTreeMap<Uuid, i64> = BTreeMap::new();
    for event in heard {
        if known.insert(&event.message_id) {
            let before = newest.insert(event.id, event.version).unwrap_or(i64::MIN);
            tally.promise(event.version > before, || {
                format!(
                    "an older event after a newer: {} of {}",
                    event.kind, event.id
                )
            });
        }
    }
}
