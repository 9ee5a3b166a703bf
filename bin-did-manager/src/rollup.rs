//! Counting: where a usage counts, and the job that counts usages into rollups.

use crate::{
    choice::window::{Calendar, wall_clock},
    dbhandler::usages::Settled,
    models::rollup::Place,
};

/// Where a usage counts, by its tenant's calendar.
pub(crate) fn place_of(usage: &Settled, calendar: &Calendar) -> Place {
    let now = usage.tm_create.micros();
    Place {
        customer_id: usage.customer_id,
        did_id: usage.did_id,
        didpool_id: usage.didpool_id,
        campaign_id: usage.campaign_id,
        npa: usage.phone_npa,
        date: calendar.windows(now).date,
        hour: u32::from(wall_clock(calendar.zone, now).1) / 60,
    }
}
