//! call-manager: decisions alone, and `POST /v1/calls/<call-id>/route` over the queue, winner and hold committed.

mod decision;
mod route;
mod world;

use bin_call_manager::{MANAGER, NAME, ledger_faults};
use bin_common_handler::databasehandler::Db;
use bin_outdial_manager::MANAGER as REFERENCE;

use crate::{
    Databases, Result, Role,
    daemon::Daemon,
    database::{self, Database},
    report::Section,
    stand::{Reference, Stand},
};

/// Everything that a case on the services needs.
struct Setup<'a> {
    stand: &'a Stand,
    section: &'a mut Section,
    daemon: Daemon,
    database: &'a Database,
    /// Runs the transaction of a create of outdial-manager.
    transaction: Reference,
    transaction_db: Db,
}

/// Measures the manager.
pub(crate) async fn measure(
    stand: &Stand,
    section: &mut Section,
    databases: &Databases,
) -> Result<()> {
    decision::measure(stand, section);
    let reference = &databases.exchange_transaction;
    let transaction_db = reference.create().await?;
    REFERENCE.migrations.up(&transaction_db).await?;
    let database = &databases.exchange;
    let daemon = Daemon::start(stand, NAME, database, section).await?;
    let transaction = Reference::start(
        Role::Transaction,
        &stand.broker,
        &stand.bus,
        Some(reference),
    )
    .await?;
    let mut setup = Setup {
        stand,
        section,
        daemon,
        database,
        transaction,
        transaction_db,
    };
    route::all(&mut setup).await?;
    setup.check_alone().await?;
    setup.daemon.report_peak(setup.section)
}

impl Setup<'_> {
    async fn check_alone(&self) -> Result<()> {
        self.daemon.check_alone(self.stand).await
    }

    async fn events_confirmed(&self) -> Result<()> {
        database::events_confirmed(&self.daemon.db, MANAGER.prefix()).await
    }

    /// Every cent is where the ledger says.
    async fn ledger_adds_up(&self) -> Result<()> {
        let faults = ledger_faults(&self.daemon.db).await?;
        if faults.is_empty() {
            return Ok(());
        }
        Err(format!("the ledger does not add up: {faults:?}").into())
    }
}
