//! Which profiles may take a call, without looking at all of them.
//!
//! A profile stands in one list for each value of its narrowest condition: postal codes, area codes, the cells of
//! its circle, states, a tag with a certain value, countries, or the list of those that have none; for its
//! campaign, or for the tenant. A call has one value of each and a few tags, so it meets few lists, and no profile
//! twice. Lists are ordered by amount, the highest first, and are merged in that order until enough were found.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    iter::Peekable,
    sync::Arc,
};

use uuid::Uuid;

use super::{
    call::Call,
    place::{Cell, Code},
    profile::Profile,
    reach::Reach,
};

/// Whose calls a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Owner {
    Campaign { customer_id: Uuid, id: Uuid },
    Customer(Uuid),
}

/// Which calls a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Area {
    Any,
    Country(Code),
    State(Code),
    Cell(Cell),
    Npa(u16),
    Zip(Code),
    /// The hash of a key and a value: who shares it by chance is told apart by the criteria.
    Tag(u64),
}

/// What a list is ordered by. Without an amount an endpoint decides, which may bid more than all others.
type Order = (Reverse<i64>, i64, Uuid);
type List = BTreeMap<Order, Arc<Profile>>;

/// The active profiles that a process knows.
#[derive(Debug)]
pub struct Index {
    profiles: HashMap<Uuid, Arc<Profile>>,
    lists: HashMap<(Owner, Area), List>,
    owners: HashMap<Owner, BTreeSet<Uuid>>,
    profiles_max: usize,
}

impl Index {
    /// An empty one that holds so many profiles at most.
    pub fn new(profiles_max: usize) -> Self {
        Self {
            profiles: HashMap::new(),
            lists: HashMap::new(),
            owners: HashMap::new(),
            profiles_max,
        }
    }

    /// Puts the profile in, or in place of its earlier version; an inactive one is taken out. False when there
    /// is no room: whoever asks the index must then ask the database instead.
    #[must_use]
    pub fn insert(&mut self, profile: Arc<Profile>) -> bool {
        self.remove(profile.id);
        if !profile.active {
            return true;
        }
        if self.profiles.len() >= self.profiles_max {
            return false;
        }
        let owner = owner_of(&profile);
        for area in areas_of(&profile) {
            self.lists
                .entry((owner, area))
                .or_default()
                .insert(order(&profile), Arc::clone(&profile));
        }
        self.owners.entry(owner).or_default().insert(profile.id);
        self.profiles.insert(profile.id, profile);
        true
    }

    /// Takes the profile out, and returns it.
    pub fn remove(&mut self, profile_id: Uuid) -> Option<Arc<Profile>> {
        let profile = self.profiles.remove(&profile_id)?;
        let owner = owner_of(&profile);
        for area in areas_of(&profile) {
            if let Some(list) = self.lists.get_mut(&(owner, area)) {
                list.remove(&order(&profile));
                if list.is_empty() {
                    self.lists.remove(&(owner, area));
                }
            }
        }
        if let Some(owned) = self.owners.get_mut(&owner) {
            owned.remove(&profile_id);
            if owned.is_empty() {
                self.owners.remove(&owner);
            }
        }
        Some(profile)
    }

    /// Profiles in it.
    pub fn len(&self) -> usize {
        self.profiles.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.profiles.is_empty()
    }

    /// The profiles within reach, and what nobody who fits and was left out bids more than; nothing = none was.
    pub fn within(&self, call: &Call, reach: Reach) -> (Vec<&Arc<Profile>>, Option<i64>) {
        match reach {
            Reach::All => (self.on_campaign(call).collect(), None),
            Reach::Fitting => (self.fitting(call).collect(), None),
            Reach::Best(most) => {
                let mut rest = self.fitting(call);
                let found = rest.by_ref().take(most).collect();
                let floor = rest.next().map(|next| next.amount.unwrap_or(i64::MAX));
                (found, floor)
            }
        }
    }

    /// The profiles of the lists that the call meets, in order; their other conditions are not judged.
    fn fitting(&self, call: &Call) -> impl Iterator<Item = &Arc<Profile>> {
        let mut heads: Vec<_> = owners_of_call(call)
            .into_iter()
            .flat_map(|owner| areas_of_call(call).map(move |area| (owner, area)))
            .filter_map(|key| self.lists.get(&key))
            .map(|list| list.iter().peekable())
            .collect();
        std::iter::from_fn(move || next(&mut heads))
    }

    /// All profiles of the call's campaign and of no campaign: for an explanation, which names the others too.
    pub fn on_campaign(&self, call: &Call) -> impl Iterator<Item = &Arc<Profile>> {
        owners_of_call(call)
            .into_iter()
            .filter_map(|owner| self.owners.get(&owner))
            .flatten()
            .filter_map(|id| self.profiles.get(id))
    }
}

/// Takes the first in order among the heads of the lists.
fn next<'a, I>(heads: &mut [Peekable<I>]) -> Option<&'a Arc<Profile>>
where
    I: Iterator<Item = (&'a Order, &'a Arc<Profile>)>,
{
    let (_, at) = heads
        .iter_mut()
        .enumerate()
        .filter_map(|(at, head)| head.peek().map(|(order, _)| (*order, at)))
        .min()?;
    let (_, profile) = heads.get_mut(at)?.next()?;
    Some(profile)
}

fn order(profile: &Profile) -> Order {
    (
        Reverse(profile.amount.unwrap_or(i64::MAX)),
        profile.tm_create.micros(),
        profile.id,
    )
}

fn owner_of(profile: &Profile) -> Owner {
    let customer_id = profile.customer_id;
    profile
        .call_campaign_id
        .map_or(Owner::Customer(customer_id), |id| Owner::Campaign {
            customer_id,
            id,
        })
}

fn owners_of_call(call: &Call) -> [Owner; 2] {
    let customer_id = call.customer_id;
    [
        Owner::Campaign {
            customer_id,
            id: call.call_campaign_id,
        },
        Owner::Customer(customer_id),
    ]
}

fn areas_of(profile: &Profile) -> Vec<Area> {
    let criteria = &profile.criteria;
    if !criteria.zips.is_empty() {
        return criteria.zips.iter().copied().map(Area::Zip).collect();
    }
    if !criteria.npas.is_empty() {
        return criteria.npas.iter().copied().map(Area::Npa).collect();
    }
    if let Some(cells) = criteria.circle.and_then(|circle| circle.cells()) {
        return cells.into_iter().map(Area::Cell).collect();
    }
    if !criteria.states.is_empty() {
        return criteria.states.iter().copied().map(Area::State).collect();
    }
    if let Some(tag) = criteria.equal_tag() {
        return vec![Area::Tag(hash(&tag))];
    }
    if !criteria.countries.is_empty() {
        return criteria
            .countries
            .iter()
            .copied()
            .map(Area::Country)
            .collect();
    }
    vec![Area::Any]
}

fn areas_of_call(call: &Call) -> impl Iterator<Item = Area> {
    let tags = call
        .tags
        .iter()
        .map(|(key, value)| Area::Tag(hash(&(key.as_str(), value.as_str()))));
    [
        Some(Area::Any),
        call.country.map(Area::Country),
        call.state.map(Area::State),
        call.point.map(|point| Area::Cell(Cell::of(&point))),
        call.npa.map(Area::Npa),
        call.zip.map(Area::Zip),
    ]
    .into_iter()
    .flatten()
    .chain(tags)
}

fn hash(tag: &(&str, &str)) -> u64 {
    let mut hasher = DefaultHasher::new();
    tag.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use bin_common_handler::models::{money::Currency, time::Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::choice::{
        criteria::{Criteria, CriteriaSpec},
        moment::Moment,
        place::{Point, Radius},
        tags::{TagOp, TagSpec},
    };

    /// 2026-11-20T10:00:00Z in µs.
    const NOW: i64 = 1_795_168_800_000_000;

    fn spec() -> impl Strategy<Value = CriteriaSpec> {
        let some = |values: &'static [&'static str]| {
            proptest::sample::subsequence(values, 0..=2)
                .prop_map(|list| list.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        let circle = (36.0_f64..39.0, -123.0_f64..-120.0, 1.0_f64..400.0)
            .prop_map(|(lat, lon, miles)| Radius { lat, lon, miles });
        (
            some(&["US", "CA", "GB"]),
            some(&["CA", "NV", "NY"]),
            proptest::sample::subsequence(vec![415_u16, 628, 212], 0..=2),
            some(&["94105", "94106", "10001"]),
            proptest::option::weighted(0.3, circle),
            any::<bool>(),
            tags(),
        )
            .prop_map(|(countries, states, npas, zips, radius, night, tags)| {
                CriteriaSpec {
                    countries,
                    tags,
                    states,
                    npas,
                    zips,
                    radius,
                    hours: serde_json::from_str(if night { r#""22:00-06:00""# } else { "null" })
                        .unwrap(),
                    ..CriteriaSpec::default()
                }
            })
    }

    fn tags() -> impl Strategy<Value = Vec<TagSpec>> {
        let one = (
            proptest::sample::select(vec!["product", "age"]),
            proptest::sample::select(vec![TagOp::Eq, TagOp::Ne, TagOp::Gt]),
            proptest::sample::select(vec!["1", "2"]),
        );
        let one = one.prop_map(|(key, op, value)| TagSpec {
            key: key.to_owned(),
            op,
            value: value.to_owned(),
        });
        proptest::collection::vec(one, 0..3)
    }

    fn profile(
        id: u128,
        spec: &CriteriaSpec,
        owner: u8,
        amount: Option<i64>,
        active: bool,
    ) -> Arc<Profile> {
        Arc::new(Profile {
            id: Uuid::from_u128(id),
            customer_id: Uuid::from_u128(1 + u128::from(owner / 4)),
            buyer_id: Uuid::from_u128(100 + id),
            call_campaign_id: Some(owner % 4)
                .filter(|campaign| *campaign > 0)
                .map(|campaign| Uuid::from_u128(u128::from(campaign))),
            amount,
            currency: Currency::USD,
            criteria: Criteria::new(spec).unwrap(),
            timezone: chrono_tz::America::Los_Angeles,
            priority: None,
            weight: None,
            active,
            tm_create: Timestamp::from_micros(NOW),
        })
    }

    fn call() -> impl Strategy<Value = Call> {
        (
            proptest::option::of(proptest::sample::select(vec!["US", "GB"])),
            proptest::option::of(proptest::sample::select(vec!["CA", "NY"])),
            proptest::option::of(proptest::sample::select(vec![415_u16, 212])),
            proptest::option::of(proptest::sample::select(vec!["94105", "10001"])),
            proptest::option::of((35.0_f64..40.0, -124.0_f64..-119.0)),
            proptest::collection::btree_map(
                proptest::sample::select(vec!["product".to_owned(), "age".to_owned()]),
                proptest::sample::select(vec!["1".to_owned(), "2".to_owned()]),
                0..3,
            ),
        )
            .prop_map(|(country, state, npa, zip, point, tags)| Call {
                tags,
                customer_id: Uuid::from_u128(1),
                call_campaign_id: Uuid::from_u128(1),
                country: country.and_then(Code::region),
                state: state.and_then(Code::region),
                npa,
                zip: zip.and_then(Code::zip),
                point: point.and_then(|(lat, lon)| Point::new(lat, lon)),
                ..Call::default()
            })
    }

    proptest! {
        /// Whatever was put in, replaced and taken out: the index finds what a scan of all finds, in order.
        #[test]
        fn the_index_finds_what_a_scan_finds(
            changes in proptest::collection::vec(
                (0_u128..30, spec(), 0_u8..8, proptest::option::weighted(0.9, 0_i64..50), 0_u8..6), 1..80),
            call in call(), hour in 0_i64..24, limit in 1_usize..40,
        ) {
            let mut index = Index::new(100);
            let mut all = BTreeMap::new();
            for (id, spec, owner, amount, what) in &changes {
                if *what == 0 {
                    prop_assert_eq!(index.remove(Uuid::from_u128(*id)).map(|p| p.id), all.remove(id).map(|p: Arc<Profile>| p.id));
                    continue;
                }
                let profile = profile(*id, spec, *owner, *amount, *what > 1);
                prop_assert!(index.insert(Arc::clone(&profile)));
                all.insert(*id, profile);
                all.retain(|_, profile| profile.active);
            }
            let moment = Moment::new(Timestamp::from_micros(NOW + hour * 3_600_000_000));
            let mut scanned: Vec<_> = all.values()
                .filter(|profile| profile.admits(&call, &mut moment.clone()).is_ok()).collect();
            scanned.sort_by_key(|profile| order(profile));
            let (fitting, floor) = index.within(&call, Reach::Fitting);
            prop_assert_eq!(floor, None);
            let ids = |list: &[&Arc<Profile>]| list.iter().map(|profile| profile.id).collect::<Vec<_>>();
            let admitted: Vec<_> = fitting.iter().copied()
                .filter(|profile| profile.admits(&call, &mut moment.clone()).is_ok()).collect();
            prop_assert_eq!(ids(&admitted), ids(&scanned));
            let (best, floor) = index.within(&call, Reach::Best(limit));
            prop_assert_eq!(ids(&best), ids(&fitting[..limit.min(fitting.len())]));
            let next = fitting.get(limit).map(|profile| profile.amount.unwrap_or(i64::MAX));
            prop_assert_eq!(floor, next);
            let of_campaign = all.values().filter(|profile| {
                !matches!(profile.admits(&call, &mut moment.clone()), Err(crate::choice::exclusion::Exclusion::OtherCampaign))
            });
            prop_assert_eq!(index.on_campaign(&call).count(), of_campaign.count());
            prop_assert_eq!(index.len(), all.len());
            for id in all.keys() {
                index.remove(Uuid::from_u128(*id));
            }
            prop_assert!(index.lists.is_empty() && index.owners.is_empty() && index.is_empty());
        }
    }

    #[test]
    fn it_holds_a_bounded_number_of_profiles() {
        let mut index = Index::new(1);
        let spec = CriteriaSpec::default();
        assert!(index.insert(profile(1, &spec, 1, Some(1), true)));
        assert!(!index.insert(profile(2, &spec, 1, Some(1), true)));
        assert!(index.insert(profile(1, &spec, 1, Some(2), true)));
        assert_eq!(index.len(), 1);
    }
}
