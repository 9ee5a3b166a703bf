//! What the routes share.

use std::time::Duration;

use bin_common_handler::{
    config::Setting,
    daemon::{ManagerContext, StartError},
    databasehandler::Store,
};

use crate::{customerhandler::Businesses, geocodehandler::Geocoder, room::Rooms};

pub(crate) const REMIND_BEFORE: Setting<Duration> = Setting::duration(
    "APPOINTMENT_REMINDER",
    "24h",
    0..=30 * 86_400_000,
    "How long before an appointment the person is reminded; 0 = never",
    "24h",
);

/// The daemon's parts. Clones share them.
#[derive(Clone)]
pub(crate) struct App {
    pub store: Store,
    pub rooms: Rooms,
    pub businesses: Businesses,
    pub geocoder: Geocoder,
    pub remind_before: Duration,
}

impl App {
    pub(crate) fn new(ctx: &ManagerContext) -> Result<Self, StartError> {
        Ok(Self {
            store: ctx.store.clone(),
            rooms: Rooms::new(&ctx.config),
            businesses: Businesses::new(ctx.rpc.clone()),
            geocoder: Geocoder::new(ctx.http()?, &ctx.config),
            remind_before: ctx.config.get(&REMIND_BEFORE),
        })
    }
}
