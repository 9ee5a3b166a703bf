//! The transaction of a group: the only place where numbers are given.

use std::time::Duration;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::error::{Error, Result},
};

use super::{
    events::exhausted,
    group::Group,
    item::{Item, usage},
    load::TenantSnapshot,
    shard::Shard,
};
use crate::{
    dbhandler::{
        allocations::{self, NewUsage},
        states, stickies,
    },
    models::{did, didstate::State},
};

/// A transaction that would commit later than this after its time was read is given up: what counts calls
/// afterwards relies on it.
const WRITE_MAX: Duration = Duration::from_secs(8);

impl Group {
    /// The transaction: locks, checks, counts, writes, commits.
    pub(super) async fn write(&mut self, shard: &mut Shard) -> Result<()> {
        let mut dids: Vec<_> = self
            .items
            .iter()
            .filter(|item| !item.ask.question.is_dry_run)
            .filter_map(|item| item.choice.as_ref().map(|choice| choice.did_id))
            .collect();
        if dids.is_empty() {
            return Ok(());
        }
        dids.sort_unstable();
        dids.dedup();
        let store = shard.store.clone();
        let ctx = RequestContext::internal();
        let mut tx = store.begin(&ctx).await?;
        allocations::free_keys(&mut tx, &self.free).await?;
        let locked = states::lock(&mut tx, &dids).await?;
        self.truth = locked;
        let new = self.check_all(shard)?;
        if !new.is_empty() {
            self.write_all(shard, &mut tx, &new).await?;
        }
        if self.began.elapsed() > WRITE_MAX {
            return Err(Error::unavailable(
                "database",
                "the transaction took too long",
            ));
        }
        tx.commit(()).await
    }

    /// Checks every choice on the locked rows, in the order of the requests.
    fn check_all(&mut self, shard: &mut Shard) -> Result<Vec<NewUsage>> {
        let mut new = Vec::with_capacity(self.items.len());
        for item in &mut self.items {
            if item.ask.question.is_dry_run {
                continue;
            }
            let customer_id = item.ask.question.customer_id;
            let TenantSnapshot { view, .. } = &shard.tenant(customer_id)?.snapshot;
            let Some(choice) = &mut item.choice else {
                continue;
            };
            let Some(number) = view.number(choice.picked.slot) else {
                continue;
            };
            let truth = self.truth.entry(choice.did_id).or_insert(State {
                did_id: choice.did_id,
                customer_id,
                ..State::default()
            });
            if truth.calendar > view.version {
                // Counted in windows that the view does not know yet: it comes back with the next version.
                continue;
            }
            let windows = view.windows_at(self.now);
            let Ok(left) = number.check(truth, &view.defaults, &windows, self.now) else {
                continue;
            };
            *truth = truth.after_use(&windows, self.now);
            // Each in a microsecond of its own, as lists want it.
            let offset = i64::try_from(new.len()).unwrap_or(0);
            let usage = usage(
                &item.ask,
                &item.job,
                choice,
                &number.number,
                left,
                self.now + offset,
            );
            new.push(NewUsage {
                key: item.job.key.map(|key| {
                    let ttl = i64::try_from(key.ttl.as_micros()).unwrap_or(i64::MAX);
                    (key.bytes, self.now.saturating_add(ttl))
                }),
                call_ref: item.job.call_ref,
                call_id_ref: item.job.call_id_ref,
                usage: usage.clone(),
            });
            choice.usage = Some(usage);
        }
        Ok(new)
    }

    async fn write_all(
        &self,
        shard: &mut Shard,
        tx: &mut ChangeTx<'_>,
        new: &[NewUsage],
    ) -> Result<()> {
        let mut used: Vec<_> = new.iter().map(|new| new.usage.did_id).collect();
        used.sort_unstable();
        used.dedup();
        let states: Vec<_> = used
            .iter()
            .filter_map(|id| self.truth.get(id).copied())
            .collect();
        states::write(tx, &states).await?;
        allocations::insert(tx, new).await?;
        let sticky: Vec<_> = self.items.iter().filter_map(Item::sticky).collect();
        stickies::write(tx, &sticky).await?;
        for state in &states {
            let view = &shard.tenant(state.customer_id)?.snapshot.view;
            if let Some(payload) = exhausted(view, state, self.now) {
                tx.emit_payload(did::EXHAUSTED, payload).await?;
            }
        }
        Ok(())
    }

    /// Puts back what was known before the group, after its transaction failed.
    pub(super) fn undo(&mut self, shard: &mut Shard) {
        for item in self.items.iter_mut().rev() {
            let Some(choice) = item.choice.take() else {
                continue;
            };
            if let Ok(tenant) = shard.tenant(item.ask.question.customer_id) {
                tenant
                    .snapshot
                    .view
                    .learn(choice.picked.slot, choice.before, self.now);
            }
        }
    }
}
