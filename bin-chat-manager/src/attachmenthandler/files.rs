//! The bytes of attachments: a file for each, in DATA_DIR or in a bucket, by tenant. Replicas share the folder. A file is read
//! only once its row says that it is whole, and the row knows of it before it is written: so nothing half-written is ever
//! served, and nothing is left that nobody knows. What lies in DATA_DIR when a bucket is set is still read there.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use bin_common_handler::{
    files, ids,
    models::error::{Error, Result},
};
use uuid::Uuid;

use crate::{app::App, models::attachment::Attachment};

/// The folder in DATA_DIR.
const FOLDER: &str = "attachments";
/// Where files are in the making.
const PARTS: &str = "parts";

/// The name of an object in a bucket.
fn name(customer_id: Uuid, id: Uuid) -> String {
    format!("{}/{}", customer_id.simple(), id.simple())
}

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

/// Keeps the bytes of a pending attachment, on the disk or in the bucket before this returns.
///
/// # Errors
/// 503 where either refuses.
pub(super) async fn keep(app: &App, of: &Attachment, bytes: Vec<u8>) -> Result<()> {
    if let Some(bucket) = &app.bucket {
        let (name, now) = (name(of.customer_id, of.id), app.store.clock.now());
        return bucket.put(&app.http, now, &name, bytes).await;
    }
    let path = path(app, of.customer_id, of.id);
    let parts = app.config.data_dir().join(FOLDER).join(PARTS);
    on_disk(move || write(&parts, &path, &bytes)).await
}

/// The file appears whole: it is written elsewhere, and gets its place when it is on the disk.
fn write(parts: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    files::make_private_dir(parts)?;
    let folder = path.parent().unwrap_or(parts);
    files::make_private_dir(folder)?;
    let part = parts.join(ids::next().simple().to_string());
    let written = write_part(&part, bytes).and_then(|()| fs::rename(&part, path));
    if written.is_err() {
        let _ = fs::remove_file(&part);
    }
    written.and_then(|()| File::open(folder)?.sync_all())
}

fn write_part(part: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = files::new_private_file(part)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes what processes left that ended while they wrote, longer than `age` ago.
///
/// # Errors
/// 503 where the disk refuses.
pub(crate) async fn sweep_parts(app: &App, age: Duration) -> Result<()> {
    let parts = app.config.data_dir().join(FOLDER).join(PARTS);
    on_disk(move || match fs::read_dir(&parts) {
        Ok(found) => sweep(found, age),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(fault) => Err(fault),
    })
    .await
}

fn sweep(found: fs::ReadDir, age: Duration) -> io::Result<()> {
    for part in found {
        let part = part?;
        let changed = part.metadata().and_then(|about| about.modified());
        let is_old = changed.is_ok_and(|at| at.elapsed().is_ok_and(|since| since > age));
        if is_old {
            fs::remove_file(part.path())?;
        }
    }
    Ok(())
}

/// The bytes of an attachment; none where they are gone.
///
/// # Errors
/// 503 where the disk or the bucket refuses.
pub(super) async fn read(app: &App, of: &Attachment) -> Result<Option<Vec<u8>>> {
    if let Some(bucket) = &app.bucket {
        let (name, now) = (name(of.customer_id, of.id), app.store.clock.now());
        if let Some(bytes) = bucket.get(&app.http, now, &name).await? {
            return Ok(Some(bytes));
        }
    }
    let path = path(app, of.customer_id, of.id);
    on_disk(move || match fs::read(&path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(fault) => Err(fault),
    })
    .await
}

/// Removes the bytes of attachments; those that are gone are no error.
///
/// # Errors
/// 503 where the disk or the bucket refuses.
pub(crate) async fn remove(app: &App, all: &[(Uuid, Uuid)]) -> Result<()> {
    if let Some(bucket) = &app.bucket {
        for (customer_id, id) in all {
            let (name, now) = (name(*customer_id, *id), app.store.clock.now());
            bucket.delete(&app.http, now, &name).await?;
        }
    }
    let paths: Vec<PathBuf> = all
        .iter()
        .map(|(customer_id, id)| path(app, *customer_id, *id))
        .collect();
    if paths.is_empty() {
        return Ok(());
    }
    on_disk(move || {
        for path in paths {
            match fs::remove_file(&path) {
                Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault),
                _ => {}
            }
        }
        Ok(())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_and_what_was_broken_off_is_swept_away() {
        let dir = tempfile::TempDir::new().unwrap();
        let (parts, path) = (dir.path().join("parts"), dir.path().join("a").join("b"));
        write(&parts, &path, b"one").unwrap();
        write(&parts, &path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(&parts).unwrap().count(), 0);
        fs::write(parts.join("broken"), b"o").unwrap();
        sweep(fs::read_dir(&parts).unwrap(), Duration::from_secs(3_600)).unwrap();
        assert_eq!(
            fs::read_dir(&parts).unwrap().count(),
            1,
            "it may be in the making"
        );
        sweep(fs::read_dir(&parts).unwrap(), Duration::ZERO).unwrap();
        assert_eq!(fs::read_dir(&parts).unwrap().count(), 0);
        assert_eq!(fs::read(&path).unwrap(), b"two");
    }
}
