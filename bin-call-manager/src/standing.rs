//! Standing profiles, ready for calls: read, checked and compiled once for each version of their row.
//!
//! What is kept is never trusted: each decision reads in its own transaction which profiles there are and at which
//! version, and only what has that very version is taken from memory.

use std::{collections::BTreeMap, sync::Arc};

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use chrono_tz::Tz;
use moka::sync::Cache;
use uuid::Uuid;

use crate::{
    choice::{Profile, criteria::Criteria},
    dbhandler::market::{self, Version},
    models::bidprofile::BidProfile,
};

/// Memory for profiles, about, in bytes.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// A profile without lists, about, in bytes, and one entry of a list.
const PROFILE_BYTES: usize = 1_000;
const ENTRY_BYTES: usize = 64;

/// A profile as its row says, and ready for calls.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// The row.
    pub row: BidProfile,
    /// Its hours are in the zone that its buyer had.
    pub profile: Profile,
}

/// Profiles by id. Clones share them.
#[derive(Clone)]
pub(crate) struct Standing(Cache<Uuid, Arc<Known>>);

impl Standing {
    pub(crate) fn new() -> Self {
        let known = Cache::builder()
            .max_capacity(BYTES_MAX)
            .weigher(|_, known: &Arc<Known>| weight(&known.row))
            .build();
        Self(known)
    }

    /// Profiles that may bid for calls of a campaign, in the order of their ids.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn of_campaign(
        &self,
        tx: &mut ChangeTx<'_>,
        customer_id: Uuid,
        call_campaign_id: Uuid,
    ) -> Result<BTreeMap<Uuid, Arc<Known>>> {
        let versions = market::profiles(tx, customer_id, call_campaign_id).await?;
        self.at(tx, versions).await
    }

    /// Profiles by id.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn by_id(
        &self,
        tx: &mut ChangeTx<'_>,
        ids: impl IntoIterator<Item = Uuid>,
    ) -> Result<BTreeMap<Uuid, Arc<Known>>> {
        let versions = market::profiles_by_id(tx, ids).await?;
        self.at(tx, versions).await
    }

    async fn at(
        &self,
        tx: &mut ChangeTx<'_>,
        versions: Vec<Version>,
    ) -> Result<BTreeMap<Uuid, Arc<Known>>> {
        let (mut found, mut missing) = (BTreeMap::new(), Vec::new());
        for version in versions {
            match self.0.get(&version.id) {
                Some(known) if known.row.tm_update == version.tm_update => {
                    found.insert(version.id, known);
                }
                _ => missing.push(version.id),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        for (id, row) in market::by_id::<BidProfile>(tx, missing).await? {
            let profile = ready(&row)?;
            let known = Arc::new(Known { row, profile });
            self.0.insert(id, Arc::clone(&known));
            found.insert(id, known);
        }
        Ok(found)
    }

    /// The same with its hours in this zone: that of its buyer now.
    pub(crate) fn in_zone(&self, known: Arc<Known>, timezone: Tz) -> Arc<Known> {
        if known.profile.timezone == timezone {
            return known;
        }
        let moved = Arc::new(Known {
            row: known.row.clone(),
            profile: Profile {
                timezone,
                ..known.profile.clone()
            },
        });
        self.0.insert(moved.row.id, Arc::clone(&moved));
        moved
    }
}

/// A profile, its patterns compiled; its hours are in UTC until its buyer's zone is known.
///
/// # Errors
/// 400 when its criteria are none, which no check lets in.
fn ready(profile: &BidProfile) -> Result<Profile> {
    Ok(Profile {
        id: profile.id,
        customer_id: profile.customer_id,
        buyer_id: profile.buyer_id,
        call_campaign_id: profile.call_campaign_id,
        amount: profile.amount,
        currency: profile.currency.parse()?,
        criteria: Criteria::new(&profile.criteria.0)?,
        timezone: Tz::UTC,
        priority: profile.priority,
        weight: profile
            .weight
            .map(|weight| u32::try_from(weight).unwrap_or_default()),
        active: profile.active && profile.tm_delete.is_none(),
        tm_create: profile.tm_create,
    })
}

fn weight(row: &BidProfile) -> u32 {
    let spec = &row.criteria.0;
    let entries = spec.countries.len()
        + spec.states.len()
        + spec.npas.len()
        + spec.zips.len()
        + spec.exclude_numbers.len()
        // A pattern that was compiled is larger.
        + 100 * spec.tags.len();
    u32::try_from(PROFILE_BYTES + ENTRY_BYTES * entries).unwrap_or(u32::MAX)
}
