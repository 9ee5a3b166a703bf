//! The files of an embedded database: whether they are still those that were opened. Who removes or replaces one
//! makes SQLite go on with what has no name any more, and what it writes there is lost with the process.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use crate::files::{self, Identity};

/// Those beside the database that hold commits, or tell other processes of them.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// The files of a database are not those that were opened.
#[derive(Debug)]
pub(super) struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a file of the database was removed or replaced while it was in use")
    }
}

impl std::error::Error for Gone {}

impl From<Gone> for sqlx::Error {
    fn from(gone: Gone) -> Self {
        Self::Configuration(Box::new(gone))
    }
}

/// Which files were opened.
#[derive(Debug)]
pub(super) struct Watch {
    path: PathBuf,
    opened: OnceLock<Identity>,
    /// SQLite may make these anew when nobody uses the database.
    beside: Mutex<[Option<Identity>; BESIDE.len()]>,
}

impl Watch {
    pub(super) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            opened: OnceLock::new(),
            beside: Mutex::default(),
        }
    }

    /// Before a connection: the first one makes the file where there is none; no later one does.
    pub(super) fn prepare(&self) -> Result<(), sqlx::Error> {
        if self.opened.get().is_some() {
            return Ok(self.ensure_there()?);
        }
        match files::new_private_file(&self.path) {
            Err(fault) if fault.kind() != io::ErrorKind::AlreadyExists => {
                return Err(sqlx::Error::Io(fault));
            }
            _ => {}
        }
        if let Some(identity) = files::identity(&self.path) {
            let _ = self.opened.set(identity);
        }
        Ok(())
    }

    /// Before a writer's connection, when the files beside the database may be new.
    pub(super) fn forget_beside(&self) {
        *self.beside.lock().unwrap_or_else(PoisonError::into_inner) = [None; BESIDE.len()];
    }

    /// That the database's name leads to the file that was opened. It costs a microsecond.
    pub(super) fn ensure_there(&self) -> Result<(), Gone> {
        match self.opened.get() {
            Some(opened) if files::identity(&self.path) != Some(*opened) => Err(Gone),
            _ => Ok(()),
        }
    }

    /// As [`Self::ensure_there`], after a commit: the files beside it are there then, too.
    pub(super) fn ensure_whole(&self) -> Result<(), Gone> {
        self.ensure_there()?;
        let mut beside = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        for (suffix, known) in BESIDE.iter().zip(beside.iter_mut()) {
            let now = files::identity(&files::with_suffix(&self.path, suffix)).ok_or(Gone)?;
            if *known.get_or_insert(now) != now {
                return Err(Gone);
            }
        }
        Ok(())
    }

    pub(super) fn folder(&self) -> &Path {
        match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }
}
