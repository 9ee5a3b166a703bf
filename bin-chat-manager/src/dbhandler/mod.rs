//! SQL that the common crate's words do not say.

pub(crate) mod bookings;
