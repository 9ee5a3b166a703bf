//! A person asks what is known about a number, or to be forgotten. call-manager takes the request; this is what it gets
//! from here. A target that is forgotten is deleted, so that nobody calls it again.

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::{address::Address, error::Result},
    optouts, phone,
    sockhandler::ReceivedEvent,
    subjects::{Erased, Subject},
};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::{
    app::App,
    dbhandler::{
        subjects::{self, ROWS_MAX},
        turns,
    },
    models::{
        outdialtarget::{DESTINATIONS, Destination, OutdialTarget, TargetStatus},
        outdialtargetcall::OutdialTargetCall,
    },
};

/// Everything that is known about a person.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Known {
    targets: Vec<OutdialTarget>,
    /// How often and where they were called.
    targetcalls: Vec<OutdialTargetCall>,
    /// There is more than an answer has.
    truncated: bool,
}

/// Everything about a number.
///
/// # Errors
/// 503.
pub(crate) async fn known(app: &App, ctx: &RequestContext, subject: &Subject) -> Result<Known> {
    let customer_id = ctx.scope.owner(subject.customer_id.unwrap_or_default())?;
    let (db, phone) = (&app.targets.store().db, subject.phone.as_str());
    let mut targets: Vec<OutdialTarget> = subjects::rows(db, customer_id, phone).await?;
    let mut targetcalls: Vec<OutdialTargetCall> = subjects::rows(db, customer_id, phone).await?;
    let truncated = targets.len().max(targetcalls.len()) >= ROWS_MAX;
    let forms = optouts::forms(phone);
    targets.retain(|target| {
        let mut destinations = target.destinations().into_iter();
        destinations.any(|(destination, _)| is_of(destination, &forms))
    });
    targetcalls.retain(|call| is_of(&call.destination, &forms));
    Ok(Known {
        targets,
        targetcalls,
        truncated,
    })
}

/// A number was erased: its targets are emptied and deleted, and its pseudonym stands where it was called.
///
/// # Errors
/// 503.
pub(crate) async fn erased(app: App, tx: &mut ChangeTx<'_>, event: &ReceivedEvent) -> Result<()> {
    let told: Erased = event.data()?;
    let forms = optouts::forms(&told.phone);
    let mut after = Uuid::nil();
    loop {
        let found: Vec<OutdialTarget> =
            subjects::next(tx, told.customer_id, &told.phone, after).await?;
        let Some(last) = found.last() else {
            break;
        };
        after = last.id;
        for target in found {
            forget(&app, tx, target, &told, &forms).await?;
        }
    }
    if let Ok(number) = phone::parse(&told.phone) {
        turns::forget(tx.sql(), told.customer_id, number.as_str()).await?;
    }
    erase_calls(tx, &told, &forms).await
}

async fn forget(
    app: &App,
    tx: &mut ChangeTx<'_>,
    mut target: OutdialTarget,
    told: &Erased,
    forms: &[String],
) -> Result<()> {
    let mut has_it = false;
    for index in 0..DESTINATIONS {
        if let Some((destination, _)) = target.destination(index) {
            has_it |= replace(destination, forms, &told.pseudonym);
        }
    }
    if !has_it {
        return Ok(());
    }
    for text in [&mut target.name, &mut target.detail, &mut target.data] {
        text.clear();
    }
    let was_live = target.tm_delete.is_none();
    target.status = TargetStatus::Done;
    target.tm_update = tx.next_version(target.tm_update);
    target.tm_delete = target.tm_delete.or(Some(target.tm_update));
    subjects::erase_target(tx, &target).await?;
    if was_live {
        app.targets
            .announce_deleted(tx, &target, told.customer_id)
            .await?;
    }
    Ok(())
}

async fn erase_calls(tx: &mut ChangeTx<'_>, told: &Erased, forms: &[String]) -> Result<()> {
    let mut after = Uuid::nil();
    loop {
        let found: Vec<OutdialTargetCall> =
            subjects::next(tx, told.customer_id, &told.phone, after).await?;
        let Some(last) = found.last() else {
            return Ok(());
        };
        after = last.id;
        for mut call in found {
            if replace(&mut call.destination, forms, &told.pseudonym) {
                subjects::erase_call(tx, &call).await?;
            }
        }
    }
}

/// Puts the pseudonym into an address that is the number, without the names beside it; whether it is.
fn replace(destination: &mut Destination, forms: &[String], pseudonym: &str) -> bool {
    if !is_of(destination, forms) {
        return false;
    }
    let Some(address) = &mut destination.0 else {
        return false;
    };
    *address = Address {
        kind: address.kind,
        target: pseudonym.to_owned(),
        ..Address::default()
    };
    true
}

/// Whether an address is the number, or dials it.
fn is_of(destination: &Destination, forms: &[String]) -> bool {
    let Some(address) = &destination.0 else {
        return false;
    };
    let dialled = || address.dialled().number();
    forms.contains(&address.target)
        || dialled().is_some_and(|number| forms.iter().any(|form| form == number.as_str()))
}
