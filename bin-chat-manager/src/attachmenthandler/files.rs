//! The bytes of attachments: a file for each, in DATA_DIR, by tenant. Replicas share the folder. A file is read only once
//! its row says that it is whole, and the row knows of it before it is written: so nothing half-written is ever served,
//! and nothing is left that nobody knows.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use bin_common_handler::{
    files,
    models::error::{Error, Result},
};
use uuid::Uuid;

use crate::{app::App, models::attachment::Attachment};

/// The folder in DATA_DIR.
const FOLDER: &str = "attachments";

fn path(app: &App, customer_id: Uuid, id: Uuid) -> PathBuf {
    let folder = app.config.data_dir().join(FOLDER);
    folder
        .join(customer_id.simple().to_string())
        .join(id.simple().to_string())
}

/// Whatever the disk refuses is tried again by whoever asked.
fn away(fault: io::Error) -> Error {
    Error::unavailable("attachments", "the disk of DATA_DIR refuses").caused_by(fault)
}

async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let worked = tokio::task::spawn_blocking(work).await;
    worked.map_err(Error::internal)?.map_err(away)
}

/// Keeps the bytes of a pending attachment, on the disk before this returns.
///
/// # Errors
/// 503 where the disk refuses.
pub(super) async fn keep(app: &App, of: &Attachment, bytes: Vec<u8>) -> Result<()> {
    let path = path(app, of.customer_id, of.id);
    on_disk(move || write(&path, &bytes)).await
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        files::make_private_dir(folder)?;
    }
    // A try before this one may have left a part.
    let mut file = files::Draft::of(path)?;
    file.write_all(bytes)?;
    file.publish()
}

/// The bytes of an attachment; none where they are gone.
///
/// # Errors
/// 503 where the disk refuses.
pub(super) async fn read(app: &App, of: &Attachment) -> Result<Option<Vec<u8>>> {
    let path = path(app, of.customer_id, of.id);
    on_disk(move || match std::fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    })
    .await
}

/// Removes the bytes of attachments; those that are gone are no error.
///
/// # Errors
/// 503 where the disk refuses.
pub(crate) async fn remove(app: &App, all: &[(Uuid, Uuid)]) -> Result<()> {
    let paths: Vec<PathBuf> = all
        .iter()
        .map(|(customer_id, id)| path(app, *customer_id, *id))
        .collect();
    if paths.is_empty() {
        return Ok(());
    }
    on_disk(move || {
        for path in paths {
            match std::fs::remove_file(&path) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
                _ => {}
            }
        }
        Ok(())
    })
    .await
}
