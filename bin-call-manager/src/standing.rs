//! Standing profiles, ready for calls: read, checked and compiled once for each version of their row.
//!
//! What is kept is never trusted: each decision reads in its own transaction at which version its customer's profiles
//! are. A book of a campaign's profiles with an index over them holds for one version; of another one it is made anew, of
//! those rows that it does not know yet.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bin_common_handler::{databasehandler::ChangeTx, models::error::Result};
use chrono_tz::Tz;
use moka::sync::Cache;
use uuid::Uuid;

use crate::{
    choice::{Call, Profile, Reach, criteria::Criteria, index::Index},
    dbhandler::market::{self, Version},
    dncbookhandler::DncBook,
    models::bidprofile::BidProfile,
};

/// Memory for profiles, about, in bytes.
const BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Profiles in all books together, as each campaign has its own.
const BOOKED_MAX: u64 = 200_000;
/// A profile without lists, about, in bytes, and one entry of a list.
const PROFILE_BYTES: usize = 1_000;
const ENTRY_BYTES: usize = 64;

/// A profile as its row says, and ready for calls.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// The row.
    pub row: BidProfile,
    /// Its hours are in the zone that its buyer had.
    pub profile: Arc<Profile>,
}

/// The profiles that may bid for a campaign's calls, at one version of the customer's.
pub(crate) struct Book {
    version: i64,
    known: HashMap<Uuid, Arc<Known>>,
    index: Index,
}

impl Book {
    fn new(version: i64, known: HashMap<Uuid, Arc<Known>>) -> Self {
        let mut index = Index::new(known.len());
        for one in known.values() {
            // It has room for all.
            let _ = index.insert(ranked_by(one));
        }
        Self {
            version,
            known,
            index,
        }
    }

    /// The profiles within reach, and what nobody who fits and was left out bids more than; nothing = none was.
    pub(crate) fn within(&self, call: &Call, reach: Reach) -> (Vec<Arc<Known>>, Option<i64>) {
        let (found, floor) = self.index.within(call, reach);
        let known = found
            .into_iter()
            .filter_map(|profile| self.known.get(&profile.id).cloned());
        (known.collect(), floor)
    }
}

/// As the index is to have it: an endpoint may bid more than its profile says.
fn ranked_by(known: &Known) -> Arc<Profile> {
    if known.row.endpoint.0.is_none() {
        return Arc::clone(&known.profile);
    }
    Arc::new(Profile {
        amount: None,
        ..known.profile.as_ref().clone()
    })
}

/// What decisions have in memory: profiles by id and by campaign, and the do-not-call lists. Clones share them.
#[derive(Clone)]
pub(crate) struct Standing {
    /// Looked at again when a call is sold.
    pub dnc: Arc<DncBook>,
    known: Cache<Uuid, Arc<Known>>,
    books: Cache<(Uuid, Uuid), Arc<Book>>,
}

impl Standing {
    pub(crate) fn new() -> Self {
        let known = Cache::builder()
            .max_capacity(BYTES_MAX)
            .weigher(|_, known: &Arc<Known>| weight(&known.row))
            .build();
        let books = Cache::builder()
            .max_capacity(BOOKED_MAX)
            .weigher(|_, book: &Arc<Book>| {
                u32::try_from(book.known.len()).map_or(u32::MAX, |profiles| profiles.max(1))
            })
            .build();
        Self {
            dnc: Arc::default(),
            known,
            books,
        }
    }

    /// The profiles that may bid for calls of a campaign, as this transaction sees them.
    ///
    /// # Errors
    /// 503.
    pub(crate) async fn book(
        &self,
        tx: &mut ChangeTx<'_>,
        customer_id: Uuid,
        call_campaign_id: Uuid,
    ) -> Result<Arc<Book>> {
        // Before the profiles: they are at least as new as it.
        let version = market::profiles_version(tx, customer_id).await?;
        let key = (customer_id, call_campaign_id);
        if let Some(book) = self.books.get(&key)
            && book.version == version
        {
            return Ok(book);
        }
        let versions = market::profiles(tx, customer_id, call_campaign_id).await?;
        let known = self.at(tx, versions).await?;
        let book = Arc::new(Book::new(version, known.into_iter().collect()));
        self.books.insert(key, Arc::clone(&book));
        Ok(book)
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
            match self.known.get(&version.id) {
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
            let profile = Arc::new(ready(&row)?);
            let known = Arc::new(Known { row, profile });
            self.known.insert(id, Arc::clone(&known));
            found.insert(id, known);
        }
        Ok(found)
    }

    /// The same with its hours in this zone: that of its buyer now.
    pub(crate) fn in_zone(&self, known: Arc<Known>, timezone: Tz) -> Arc<Known> {
        if known.profile.timezone == timezone {
            return known;
        }
        if let Some(same) = self.known.get(&known.row.id)
            && same.row.tm_update == known.row.tm_update
            && same.profile.timezone == timezone
        {
            return same;
        }
        let moved = Arc::new(Known {
            row: known.row.clone(),
            profile: Arc::new(Profile {
                timezone,
                ..known.profile.as_ref().clone()
            }),
        });
        self.known.insert(moved.row.id, Arc::clone(&moved));
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
