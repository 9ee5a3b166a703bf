//! What a shard knows of a tenant, read from the database: all of it at first, later what has changed.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bin_common_handler::{databasehandler::Db, models::time::Timestamp};
use sqlx::Error as SqlError;
use uuid::Uuid;

use crate::{
    choice::{
        number::{Limits, Number, Performance},
        view::View,
    },
    dbhandler::{customers, dids, live, members, performances, states},
    models::{
        accesskey::Accesskey,
        campaign::Campaign,
        did::Did,
        didpool::Didpool,
        didstate::State,
        rotationrule::{Algorithm, RotationRule},
    },
    phone::{E164, NumberFormat},
};

/// Numbers read by one statement.
const PAGE: u32 = 2_000;

/// A tenant's view and what is needed to bring it up to date.
#[derive(Debug)]
pub(super) struct TenantSnapshot {
    pub view: View,
    /// The pools whose members are known, and as of when.
    pools: HashMap<Uuid, Timestamp>,
    /// Texts that many numbers share.
    texts: HashSet<Arc<str>>,
}

impl TenantSnapshot {
    /// Reads a tenant; nothing when there is none.
    pub(super) async fn load(
        db: &Db,
        customer_id: Uuid,
        version: i64,
    ) -> Result<Option<Self>, SqlError> {
        let Some(customer) = customers::get(db, customer_id).await? else {
            return Ok(None);
        };
        let mut snapshot = Self {
            view: View::new(customer),
            pools: HashMap::new(),
            texts: HashSet::new(),
        };
        let states = states::of_customer(db, customer_id).await?;
        let states: HashMap<_, _> = states
            .into_iter()
            .map(|state| (state.did_id, state))
            .collect();
        snapshot.read_numbers(db, &states).await?;
        snapshot.read_settings(db).await?;
        snapshot.view.version = version;
        Ok(Some(snapshot))
    }

    /// Reads what has changed up to `version`.
    pub(super) async fn refresh(
        &mut self,
        db: &Db,
        version: i64,
        now: i64,
    ) -> Result<(), SqlError> {
        let customer_id = self.view.customer.id;
        if let Some(customer) = customers::get(db, customer_id).await?
            && customer != self.view.customer
        {
            let is_recounted = customer.calendar() != self.view.customer.calendar();
            self.view.set_customer(customer);
            if is_recounted {
                self.read_states(db, now).await?;
            }
        }
        self.read_numbers(db, &HashMap::new()).await?;
        self.read_settings(db).await?;
        self.view.version = version;
        Ok(())
    }

    /// Reads the counters anew; what other replicas did shows there.
    pub(super) async fn read_states(&mut self, db: &Db, now: i64) -> Result<(), SqlError> {
        for state in states::of_customer(db, self.view.customer.id).await? {
            let known = self.view.by_id(state.did_id);
            if let Some((slot, number)) = known
                && number.used != state
            {
                self.view.learn(slot, state, now);
            }
        }
        Ok(())
    }

    /// Whether a rule of the tenant goes by how calls went.
    pub(super) fn goes_by_performance(&self) -> bool {
        let mut rules = self.view.rules.values();
        rules.any(|rule| rule.algorithm == Algorithm::Performance)
    }

    /// Reads how the calls of each number went.
    pub(super) async fn read_performances(&mut self, db: &Db) -> Result<(), SqlError> {
        for record in performances::of_customer(db, self.view.customer.id).await? {
            let performance = Performance {
                calls: record.calls,
                answered: record.answered,
            };
            self.view.set_performance(record.did_id, performance);
        }
        Ok(())
    }

    /// Numbers changed since the view's version; `states` are the counters, where they were read already.
    async fn read_numbers(
        &mut self,
        db: &Db,
        states: &HashMap<Uuid, State>,
    ) -> Result<(), SqlError> {
        let customer_id = self.view.customer.id;
        let (mut seq, mut id) = (self.view.version, Uuid::max());
        loop {
            let dids = dids::changed_after(db, customer_id, (seq, id), PAGE).await?;
            let Some(last) = dids.last() else {
                return Ok(());
            };
            (seq, id) = (last.seq, last.id);
            let mut read = HashMap::new();
            if states.is_empty() {
                let ids: Vec<_> = dids.iter().map(|did| did.id).collect();
                read = states::of(db, &ids).await?;
            }
            let states = if states.is_empty() { &read } else { states };
            for did in dids {
                if did.tm_delete.is_some() {
                    self.view.remove(did.id);
                } else {
                    let used = states.get(&did.id).copied();
                    let number = self.number(did, used);
                    self.view.put(number);
                }
            }
        }
    }

    fn number(&mut self, did: Did, used: Option<State>) -> Number {
        let e164 = E164::parse(&did.number);
        let before = self
            .view
            .by_id(did.id)
            .map(|(_, number)| number.performance);
        Number {
            id: did.id,
            npa: did.npa.and_then(|npa| u16::try_from(npa).ok()).unwrap_or(0),
            nxx: e164.as_ref().and_then(E164::nxx).unwrap_or(0),
            state: self.shared(&did.state),
            city: self.shared(&did.city),
            carrier: self.shared(&did.carrier),
            provider: self.shared(&did.provider),
            description: did.description.as_str().into(),
            reputation: did.reputation,
            place: did.latitude.zip(did.longitude),
            weight: did.weight,
            limits: Limits {
                daily_cap: did.daily_cap,
                hourly_cap: did.hourly_cap,
                cooldown_seconds: did.cooldown_seconds,
            },
            status_period: did.status_period(),
            status_since: did.tm_status.micros(),
            performance: before.unwrap_or_default(),
            used: used.unwrap_or(State {
                did_id: did.id,
                customer_id: did.customer_id,
                ..State::default()
            }),
            number: did.number.into(),
        }
    }

    fn shared(&mut self, text: &str) -> Arc<str> {
        if let Some(shared) = self.texts.get(text) {
            return Arc::clone(shared);
        }
        let shared: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&shared));
        shared
    }

    /// Campaigns, rules, and the members of pools that changed.
    async fn read_settings(&mut self, db: &Db) -> Result<(), SqlError> {
        let customer_id = self.view.customer.id;
        let campaigns: Vec<Campaign> = live::of_customer(db, customer_id).await?;
        let rules: Vec<RotationRule> = live::of_customer(db, customer_id).await?;
        let keys: Vec<Accesskey> = live::of_customer(db, customer_id).await?;
        let pools: Vec<Didpool> = live::of_customer(db, customer_id).await?;
        let by_name = campaigns.into_iter();
        self.view.campaigns = by_name
            .map(|campaign| (campaign.vicidial_campaign_id.clone(), campaign))
            .collect();
        self.view.rules = rules.into_iter().map(|rule| (rule.id, rule)).collect();
        let formats = keys.into_iter().filter_map(|key| {
            let format = NumberFormat::parse(key.number_format.as_deref()?)?;
            Some((key.id, format))
        });
        self.view.formats = formats.collect();
        let live: HashSet<_> = pools.iter().map(|pool| pool.id).collect();
        let gone: Vec<_> = self
            .pools
            .keys()
            .copied()
            .filter(|id| !live.contains(id))
            .collect();
        for id in gone {
            self.pools.remove(&id);
            self.view.set_pool(id, None);
        }
        for pool in pools {
            if self.pools.get(&pool.id) != Some(&pool.tm_update) {
                let members = members::all(db, pool.id).await?.into_iter().collect();
                self.view.set_pool(pool.id, Some(members));
                self.pools.insert(pool.id, pool.tm_update);
            }
        }
        Ok(())
    }
}
