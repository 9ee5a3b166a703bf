//! notes-manager: notes about outdials, with reminders. The example of docs/new-manager.md.

mod callhandler;
mod dbhandler;
mod listenhandler;
pub mod models;
mod notehandler;

use bin_common_handler::{
    config::AnySetting,
    daemon::{Manager, ManagerContext, StartError},
    databasehandler::migrate::Migrations,
    listenhandler::Wired,
    migrations,
};

/// The daemon, for `src/managers.rs`.
pub const MANAGER: Manager = Manager {
    name: "notes-manager",
    renamed_by: None,
    crate_name: env!("CARGO_CRATE_NAME"),
    migrations: MIGRATIONS,
    settings: SETTINGS,
    times: &[],
    routes: || listenhandler::routes().infos(),
    start,
};

const MIGRATIONS: Migrations = migrations!("note", ["1001_notes"]);

const SETTINGS: &[AnySetting] = &[notehandler::LIMIT.erased(), callhandler::TIMEOUT.erased()];

fn start(ctx: &ManagerContext) -> Result<Wired, StartError> {
    let notes = notehandler::NoteHandler::new(ctx)?;
    ctx.timers
        .on_with(notehandler::REMIND, notes.clone(), notehandler::remind);
    ctx.events.on_with(
        "outdial-manager.outdial.*.deleted",
        notes.clone(),
        notehandler::outdial_deleted,
    );
    // The first five files are a manager; calling the URLs of due notes comes on top.
    callhandler::start(ctx, notes.clone())?;
    Ok(Wired::new(listenhandler::routes(), notes))
}
