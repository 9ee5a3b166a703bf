//! Holds and appointments. Whoever takes time of a resource holds the resource's row first, so that two of them, on any
//! replicas, come one after the other.

pub(crate) mod appointments;
pub(crate) mod by_text;
pub(crate) mod changes;
pub(crate) mod reservations;
pub(crate) mod timers;

use bin_common_handler::{
    context::RequestContext,
    databasehandler::ChangeTx,
    models::error::{Error, Result},
    resource,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    availabilityhandler,
    booking::interval::Interval,
    dbhandler::bookings::{Question, is_taken},
    models::{bookable::Bookable, slot::Slot},
};

/// Reason of a 409: somebody else has the time.
pub(crate) const SLOT_UNAVAILABLE: &str = "SLOT_UNAVAILABLE";

/// Holds a resource until the end of the transaction, and makes sure that nobody has its time, the rest around it included.
/// `except` is the booking that moves.
async fn take(
    tx: &mut ChangeTx<'_>,
    ctx: &RequestContext,
    resource_id: Uuid,
    time: Interval,
    except: Uuid,
) -> Result<Bookable> {
    let resource = resource::lock_live::<Bookable>(tx, ctx, resource_id).await?;
    let question = Question {
        customer_id: resource.customer_id,
        resource_id: Some(resource_id),
        range: time.widened(resource.buffer()),
        now: tx.now(),
        except,
    };
    if is_taken(tx, &question).await? {
        return Err(Error::failed_precondition(
            SLOT_UNAVAILABLE,
            "Somebody else has this time.",
        ));
    }
    Ok(resource)
}

/// A refusal with other slots in its details, where the time was taken. Not to be asked while a transaction is open.
async fn with_offers(
    app: &App,
    ctx: &RequestContext,
    customer_id: Uuid,
    taken: Slot,
    error: Error,
) -> Error {
    if error.reason() != SLOT_UNAVAILABLE {
        return error;
    }
    let offers = availabilityhandler::offers(app, ctx, customer_id, taken).await;
    offers
        .iter()
        .fold(error, |error, slot| error.with_detail(json!(slot)))
}
