//! Choosing a number, as pure logic: windows of time, who may be given, in which order. No I/O lives here.
//!
//! A [`view::View`] is what one process knows of a tenant's numbers. It may lag behind the database only
//! towards "may be given": so what it gives is checked again against locked rows, and what it refuses is
//! refused by the database as well.

pub(crate) mod index;
pub(crate) mod number;
pub(crate) mod pick;
#[cfg(test)]
mod simulation;
pub(crate) mod view;
