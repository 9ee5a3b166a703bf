//! What an operator may set, beside how many rows a customer may have.

use std::time::Duration;

use bin_common_handler::config::Setting;

/// How long a target that was handed out is not handed out again; zero is off.
pub(crate) const LEASE: Setting<Duration> = Setting::duration(
    "OUTDIAL_LEASE",
    "3s",
    // The campaign-manager asks again after 5 s, and takes an empty list for the end of its campaign.
    0..=4_999,
    "How long a target that was handed out is not handed out again; below 5s. 0 = off: two callers \
     then meet the guard's 409, at which a voipbin campaign stops",
    "3s",
);

/// How long after a refused `progressing` one `idle` changes nothing; zero is off.
pub(crate) const GUARD: Setting<Duration> = Setting::duration(
    "OUTDIAL_GUARD",
    "10s",
    0..=60_000,
    "How long after a refused `progressing` one `idle` changes nothing; 0 = off",
    "10s",
);

/// After how long a target that is being called is idle again; zero is off.
pub(crate) const PROGRESSING_TIMEOUT: Setting<Duration> = Setting::duration(
    "PROGRESSING_TIMEOUT",
    "6h",
    0..=30 * 86_400_000,
    "A target progressing for longer returns to idle; longer than any call, 0 = off",
    "6h",
);

/// Whether destinations that do not fit their type are refused.
pub(crate) const VALIDATES: Setting<bool> = Setting::flag(
    "VALIDATE_ADDRESSES",
    true,
    "Refuse destinations that do not fit their type",
    "true",
);

/// Whether changes of targets are events too.
pub(crate) const ANNOUNCES: Setting<bool> = Setting::flag(
    "OUTDIALTARGET_EVENTS",
    true,
    "Announce changes of targets, not only of outdials",
    "true",
);
