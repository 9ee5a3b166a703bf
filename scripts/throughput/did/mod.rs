//! did-manager: the next number over the queue, through the bridge and in one process; imports and exports.

mod bridge;
mod bulk;
mod decision;
mod embedded;
mod next;
pub(crate) mod through;
pub(crate) mod world;

use bin_did_manager::{MANAGER, NAME};

use crate::{
    Databases, Result,
    daemon::Daemon,
    database::{self, Database},
    report::Section,
    stand::Stand,
};

/// Everything that a case on the services needs.
struct Setup<'a> {
    stand: &'a Stand,
    section: &'a mut Section,
    daemon: Daemon,
    database: &'a Database,
}

/// Measures the manager.
pub(crate) async fn measure(
    stand: &Stand,
    section: &mut Section,
    databases: &Databases,
) -> Result<()> {
    decision::measure(stand, section);
    let database = &databases.did;
    let daemon = Daemon::start(stand, NAME, database, section).await?;
    let mut setup = Setup {
        stand,
        section,
        daemon,
        database,
    };
    services(&mut setup).await?;
    let Setup {
        section, daemon, ..
    } = setup;
    daemon.report_peak(section)?;
    daemon.child.stop().await?;
    embedded::all(stand, section).await
}

async fn services(setup: &mut Setup<'_>) -> Result<()> {
    let ceiling = next::all(setup).await?;
    bulk::over_queue(setup).await?;
    setup.check_alone().await?;
    bridge::all(setup, ceiling).await?;
    setup.check_alone().await
}

impl Setup<'_> {
    async fn check_alone(&self) -> Result<()> {
        self.daemon.check_alone(self.stand).await
    }

    async fn events_confirmed(&self) -> Result<()> {
        database::events_confirmed(&self.daemon.db, MANAGER.prefix()).await
    }
}
