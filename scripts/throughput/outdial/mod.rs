//! outdial-manager: reads, creates, who is next, imports.

mod available;
mod cases;
mod tables;

use bin_common_handler::{databasehandler::Db, ids, models::sock::Method};
use bin_outdial_manager::{MANAGER, NAME};
pub(crate) use cases::target_body;
use serde_json::{Value as Json, json};
use uuid::Uuid;

use crate::{
    Databases, Result, Role,
    daemon::Daemon,
    database,
    report::Section,
    stand::{Reference, Stand},
};

/// Everything that a case needs.
struct Setup<'a> {
    stand: &'a Stand,
    section: &'a mut Section,
    daemon: Daemon,
    transaction: Reference,
    transaction_db: Db,
}

/// Measures the manager.
pub(crate) async fn measure(
    stand: &Stand,
    section: &mut Section,
    databases: &Databases,
) -> Result<()> {
    let reference = &databases.transaction;
    let transaction_db = reference.create().await?;
    MANAGER.migrations.up(&transaction_db).await?;
    let daemon = Daemon::start(stand, NAME, &databases.outdial, section).await?;
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
        transaction,
        transaction_db,
    };
    cases::all(&mut setup).await?;
    setup.daemon.report_peak(setup.section)
}

impl Setup<'_> {
    async fn check_alone(&self) -> Result<()> {
        self.daemon.check_alone(self.stand).await
    }

    async fn events_confirmed(&self) -> Result<()> {
        database::events_confirmed(&self.daemon.db, MANAGER.prefix()).await
    }

    /// A new outdial.
    async fn outdial(&self) -> Result<Uuid> {
        let body = json!({ "name": "bench", "customer_id": ids::next() });
        let line = &self.daemon.line;
        let made = line.ask(Method::Post, "/v1/outdials", &body).await?;
        let id = made.get("id").and_then(Json::as_str).ok_or("no id")?;
        Ok(id.parse()?)
    }
}
