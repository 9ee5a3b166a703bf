//! The law, asked: what the tables know of a number is put before the check, for one call or for many.

mod call;
mod checks;
mod knowledge;
pub(crate) mod sale;
mod view;

use std::time::Duration;

use bin_common_handler::{
    daemon::ManagerContext,
    databasehandler::ChangeTx,
    ids,
    models::{
        address::{Address, AddressType},
        error::Result,
        time::Timestamp,
    },
    phone::Dialled,
    sockhandler::ReceivedEvent,
};
use serde::Deserialize;
use tracing::warn;
use uuid::Uuid;

pub(crate) use call::{count, judge, of_call, prepare, refusal};
pub(crate) use checks::{CheckBody, ChecksBody, check_many, check_one};
pub(crate) use knowledge::{Knowledge, OnList};
pub(crate) use view::VerdictView;

use crate::{app::App, dbhandler::law, dnclisthandler};

/// How often attempts that no limit counts any more are looked for.
const SWEEP_PERIOD: Duration = Duration::from_secs(600);
/// outdial-manager called a number; it says so where it asks for the law.
const DIALLED: &str = "outdial-manager.outdialtargetcall.*.created";

/// Names the handlers, and starts the jobs.
pub(crate) fn start(ctx: &ManagerContext, app: &App) {
    ctx.timers.on(dnclisthandler::SWEEP, dnclisthandler::sweep);
    ctx.timers
        .on(dnclisthandler::GIVE_UP, dnclisthandler::give_up);
    ctx.events.on(DIALLED, dialled);
    let store = app.store.clone();
    ctx.tasks.every("attempts", SWEEP_PERIOD, move || {
        let store = store.clone();
        async move {
            if let Err(error) = law::forget_attempts(&store.db, store.clock.now()).await {
                warn!(%error, "old attempts were not forgotten");
            }
        }
    });
}

/// What we want to know of a call by outdial-manager.
#[derive(Deserialize)]
struct TargetCall {
    customer_id: Uuid,
    destination: DialledAddress,
    tm_create: Timestamp,
}

#[derive(Deserialize)]
struct DialledAddress {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    target: String,
}

/// Counts a call that outdial-manager placed.
async fn dialled(tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let call: TargetCall = event.data()?;
    let destination = Address {
        kind: AddressType::parse(&call.destination.kind).unwrap_or_default(),
        target: call.destination.target,
        ..Address::default()
    };
    match destination.dialled() {
        Dialled::Number(phone) => {
            let (id, phone) = (ids::next(), phone.as_str());
            law::add_attempt(tx, id, call.customer_id, phone, call.tm_create).await
        }
        // No phone number: the law does not count it.
        Dialled::Name | Dialled::Unclear => Ok(()),
    }
}
