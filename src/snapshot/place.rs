//! Files beside a database: private, whole on the disk, under names that nobody has.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use bin_common_handler::{
    files::{self, with_suffix},
    ids,
};

use super::fault::{Result, at};

/// A new file for our eyes only. Its name is ours: what is wrong is told of its folder.
pub(super) fn private_file(path: &Path) -> Result<File> {
    files::new_private_file(path).map_err(at(&folder_of(path)))
}

/// Waits until the disk has a file, or the names in a folder.
pub(super) fn sync(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(at(path))
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// A name in the same folder that nobody has.
pub(super) fn beside(path: &Path, what: &str) -> PathBuf {
    with_suffix(path, &format!("{what}-{}", ids::next().simple()))
}
