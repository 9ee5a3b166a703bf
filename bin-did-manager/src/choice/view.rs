//! What one process knows of a tenant: its numbers, pools, campaigns and rules, and who may be given now.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet},
};

use uuid::Uuid;

use super::{
    index::{Bucket, Index, Set, Slot},
    number::{Blocked, Defaults, Left, Number, Performance},
    pick::{Refused, explain},
};
use crate::{
    models::{
        calendar::{Calendar, Windows},
        campaign::Campaign,
        customer::Customer,
        didstate::State,
        rotationrule::{Algorithm, RotationRule},
    },
    phone::NumberFormat,
};

/// Which numbers are looked at: a pool's, or all (nil).
pub(crate) type PoolId = Uuid;

/// A tenant as one process knows it.
#[derive(Debug)]
pub(crate) struct View {
    /// The tenant's version that this is of.
    pub version: i64,
    pub customer: Customer,
    pub calendar: Calendar,
    pub defaults: Defaults,
    pub campaigns: HashMap<String, Campaign>,
    pub rules: HashMap<Uuid, RotationRule>,
    /// How keys that say so want numbers written.
    pub formats: HashMap<Uuid, NumberFormat>,
    numbers: Vec<Option<Number>>,
    by_id: HashMap<Uuid, Slot>,
    pools: HashMap<PoolId, HashSet<Uuid>>,
    /// Made when first asked for.
    indexes: HashMap<(PoolId, Algorithm), Index>,
    /// Numbers that may be given now stand in the indexes; the others wait here for their time.
    is_ready: Vec<bool>,
    waiting: BinaryHeap<Reverse<(i64, Slot)>>,
    windows: Option<Windows>,
    /// Numbers by area code, whatever their state.
    by_npa: HashMap<u16, HashSet<Slot>>,
    /// Moves on whenever a number may have become, or ceased to be, one that can be given.
    changes: u64,
    /// Why a pool has nothing to give, and at which change that was found out.
    refusals: HashMap<PoolId, (u64, Refused)>,
}

impl View {
    pub(crate) fn new(customer: Customer) -> Self {
        let mut view = Self {
            version: 0,
            calendar: customer.calendar(),
            defaults: defaults(&customer),
            customer,
            campaigns: HashMap::new(),
            rules: HashMap::new(),
            formats: HashMap::new(),
            numbers: Vec::new(),
            by_id: HashMap::new(),
            pools: HashMap::new(),
            indexes: HashMap::new(),
            is_ready: Vec::new(),
            waiting: BinaryHeap::new(),
            windows: None,
            by_npa: HashMap::new(),
            changes: 0,
            refusals: HashMap::new(),
        };
        view.forget_order();
        view
    }

    /// How the answers to a key write numbers.
    pub(crate) fn format(&self, access_key_id: Option<Uuid>) -> NumberFormat {
        let own = access_key_id.and_then(|id| self.formats.get(&id));
        own.copied().unwrap_or(self.customer.number_format)
    }

    /// New settings of the tenant itself.
    pub(crate) fn set_customer(&mut self, customer: Customer) {
        self.calendar = customer.calendar();
        self.defaults = defaults(&customer);
        self.customer = customer;
        self.forget_order();
    }

    /// The numbers of a pool; nothing for one that is gone.
    pub(crate) fn set_pool(&mut self, pool: PoolId, members: Option<HashSet<Uuid>>) {
        match members {
            Some(members) => drop(self.pools.insert(pool, members)),
            None => drop(self.pools.remove(&pool)),
        }
        self.indexes.retain(|(indexed, _), _| *indexed != pool);
        self.changes += 1;
    }

    /// Adds a number, or puts it in the place of what was known of it.
    pub(crate) fn put(&mut self, number: Number) {
        let id = number.id;
        self.take_out(id);
        self.leave_npa(id);
        let slot = match self.by_id.get(&id) {
            Some(slot) => *slot,
            None => {
                let slot = Slot::try_from(self.numbers.len()).unwrap_or(Slot::MAX);
                self.numbers.push(None);
                self.is_ready.push(false);
                self.by_id.insert(id, slot);
                slot
            }
        };
        self.by_npa.entry(number.npa).or_default().insert(slot);
        if let Some(place) = self.numbers.get_mut(slot as usize) {
            *place = Some(number);
        }
        self.waiting.push(Reverse((i64::MIN, slot)));
        self.changes += 1;
    }

    /// Forgets a number.
    pub(crate) fn remove(&mut self, id: Uuid) {
        self.take_out(id);
        self.leave_npa(id);
        if let Some(slot) = self.by_id.remove(&id)
            && let Some(place) = self.numbers.get_mut(slot as usize)
        {
            *place = None;
        }
        self.changes += 1;
    }

    pub(crate) fn number(&self, slot: Slot) -> Option<&Number> {
        self.numbers.get(slot as usize)?.as_ref()
    }

    pub(crate) fn by_id(&self, id: Uuid) -> Option<(Slot, &Number)> {
        let slot = *self.by_id.get(&id)?;
        self.number(slot).map(|number| (slot, number))
    }

    pub(crate) fn is_member(&self, pool: PoolId, id: Uuid) -> bool {
        pool.is_nil()
            || self
                .pools
                .get(&pool)
                .is_some_and(|members| members.contains(&id))
    }

    /// The numbers of a pool.
    pub(crate) fn members(&self, pool: PoolId) -> impl Iterator<Item = &Number> + '_ {
        self.numbers
            .iter()
            .flatten()
            .filter(move |number| self.is_member(pool, number.id))
    }

    /// The numbers of an area code, whatever their state.
    pub(crate) fn of_npa(&self, npa: u16) -> impl Iterator<Item = &Number> + '_ {
        let slots = self.by_npa.get(&npa).into_iter().flatten();
        slots.filter_map(|slot| self.number(*slot))
    }

    /// The numbers of a bucket that may be given; after [`Self::index`].
    pub(crate) fn ready(&self, pool: PoolId, algorithm: Algorithm, bucket: Bucket) -> Option<&Set> {
        self.indexes.get(&(pool, algorithm))?.set(bucket)
    }

    /// Why a pool has nothing to give; counted again only after a change.
    pub(crate) fn refusal(&mut self, pool: PoolId, now: i64) -> Refused {
        if let Some((at, refused)) = self.refusals.get(&pool)
            && *at == self.changes
        {
            return *refused;
        }
        let refused = explain(self, self.members(pool), now);
        self.refusals.insert(pool, (self.changes, refused));
        refused
    }

    /// Whether a number may be given at `now`, as far as is known.
    pub(crate) fn check(&self, number: &Number, now: i64) -> Result<Left, Blocked> {
        let windows = self.windows_at(now);
        number.check(&number.used, &self.defaults, &windows, now)
    }

    /// The windows at `now`; of the last [`Self::settle`] where they hold.
    pub(crate) fn windows_at(&self, now: i64) -> Windows {
        match self.windows {
            Some(windows) if windows.hold(now) => windows,
            _ => self.calendar.windows(now),
        }
    }

    /// Brings everything up to `now`: numbers whose time has come stand in the indexes.
    pub(crate) fn settle(&mut self, now: i64) -> Windows {
        let windows = self.windows_at(now);
        if self.windows.is_none_or(|before| before.day != windows.day) {
            // Ranks count the calls of a day.
            self.forget_order();
        }
        self.windows = Some(windows);
        while let Some(Reverse((until, slot))) = self.waiting.peek().copied()
            && until <= now
        {
            self.waiting.pop();
            if !self.is_ready.get(slot as usize).copied().unwrap_or(true) {
                self.place(slot, &windows, now);
            }
        }
        windows
    }

    /// The index of a pool in the order of an algorithm, made now when it is not there; after
    /// [`Self::settle`].
    pub(crate) fn index(&mut self, pool: PoolId, algorithm: Algorithm) -> &mut Index {
        let windows = self.windows;
        let key = (pool, algorithm);
        if !self.indexes.contains_key(&key) {
            let mut index = Index::new(algorithm);
            if let Some(windows) = windows {
                for (slot, number) in self.numbers.iter().enumerate() {
                    let Some(number) = number else { continue };
                    let is_ready = self.is_ready.get(slot).copied().unwrap_or(false);
                    let slot = Slot::try_from(slot).unwrap_or(Slot::MAX);
                    if self.is_member(pool, number.id) {
                        index.meet(slot, number);
                        if is_ready {
                            index.insert(slot, number, &windows);
                        }
                    }
                }
            }
            self.indexes.insert(key, index);
        }
        self.indexes
            .entry(key)
            .or_insert_with(|| Index::new(algorithm))
    }

    /// Takes over what is known of how a number was used: by us just now, or by the locked row.
    pub(crate) fn learn(&mut self, slot: Slot, used: State, now: i64) {
        let windows = self.settle(now);
        let Some(id) = self.number(slot).map(|number| number.id) else {
            return;
        };
        self.take_out(id);
        if let Some(Some(number)) = self.numbers.get_mut(slot as usize) {
            number.used = used;
        }
        self.place(slot, &windows, now);
    }

    /// How many calls a number had, and how many were answered.
    pub(crate) fn set_performance(&mut self, id: Uuid, performance: Performance) {
        let slot = self.by_id.get(&id).copied();
        if let Some(Some(number)) = slot.and_then(|slot| self.numbers.get_mut(slot as usize)) {
            number.performance = performance;
        }
    }

    /// Puts a number where it belongs: into the indexes, or to those who wait.
    fn place(&mut self, slot: Slot, windows: &Windows, now: i64) {
        let Some(Some(number)) = self.numbers.get(slot as usize) else {
            return;
        };
        match number.check(&number.used, &self.defaults, windows, now) {
            Ok(_) => {
                for ((pool, _), index) in &mut self.indexes {
                    if pool.is_nil()
                        || self
                            .pools
                            .get(pool)
                            .is_some_and(|members| members.contains(&number.id))
                    {
                        index.insert(slot, number, windows);
                    }
                }
                self.set_ready(slot, true);
            }
            Err(blocked) => {
                if blocked.until < i64::MAX {
                    self.waiting.push(Reverse((blocked.until, slot)));
                }
                self.set_ready(slot, false);
            }
        }
    }

    /// Takes a number out of every index.
    fn take_out(&mut self, id: Uuid) {
        let (Some(slot), Some(windows)) = (self.by_id.get(&id).copied(), self.windows) else {
            return;
        };
        let Some(Some(number)) = self.numbers.get(slot as usize) else {
            return;
        };
        if self.is_ready.get(slot as usize).copied().unwrap_or(false) {
            for index in self.indexes.values_mut() {
                index.remove(slot, number, &windows);
            }
            self.set_ready(slot, false);
        }
    }

    fn leave_npa(&mut self, id: Uuid) {
        let Some((slot, number)) = self.by_id(id) else {
            return;
        };
        let npa = number.npa;
        if let Some(slots) = self.by_npa.get_mut(&npa) {
            slots.remove(&slot);
        }
    }

    fn set_ready(&mut self, slot: Slot, is_ready: bool) {
        self.changes += 1;
        if let Some(flag) = self.is_ready.get_mut(slot as usize) {
            *flag = is_ready;
        }
    }

    /// Everything is put in its place anew at the next [`Self::settle`].
    fn forget_order(&mut self) {
        self.indexes.clear();
        self.changes += 1;
        self.windows = None;
        self.is_ready.iter_mut().for_each(|flag| *flag = false);
        self.waiting = (0..self.numbers.len())
            .map(|slot| Reverse((i64::MIN, Slot::try_from(slot).unwrap_or(Slot::MAX))))
            .collect();
    }
}

pub(crate) fn defaults(customer: &Customer) -> Defaults {
    Defaults {
        daily_cap: customer.did_daily_cap,
        hourly_cap: customer.did_hourly_cap,
        cooldown_seconds: customer.did_cooldown_seconds,
        warmup: customer.warmup_daily_caps.0.clone(),
    }
}
