//! The managers that exist.

use bin_common_handler::daemon::Manager;

/// Every manager, in the order in which they are started.
pub const ALL: &[Manager] = &[
    bin_did_manager::MANAGER,
    bin_outdial_manager::MANAGER,
    bin_call_manager::MANAGER,
];
