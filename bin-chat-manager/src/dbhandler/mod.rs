//! SQL that the common crate's words do not say.

pub(crate) mod bookings;
pub(crate) mod facts;
pub(crate) mod watches;
