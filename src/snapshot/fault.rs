//! Why there is no copy, or nothing was put back, for a person to read.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Why there is no copy, or nothing was put back.
#[derive(Debug)]
pub enum Fault {
    /// A file cannot be read or written.
    File(PathBuf, io::Error),
    /// The database says no.
    Sql(PathBuf, sqlx::Error),
    /// A file that a person named may not be used; it is in the text.
    Named(String),
    /// The file is not what it should be.
    Wrong(PathBuf, String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, fault) => write!(f, "{}: {fault}", path.display()),
            Self::Named(why) => f.write_str(why),
            Self::Sql(path, fault) => write!(f, "{}: {fault}", path.display()),
            Self::Wrong(path, why) => write!(f, "{}: {why}", path.display()),
        }
    }
}

impl std::error::Error for Fault {}

/// What the work on a copy comes to.
pub(super) type Result<T> = std::result::Result<T, Fault>;

/// What became of a file, with its name.
pub(super) fn at(path: &Path) -> impl FnOnce(io::Error) -> Fault {
    move |fault| Fault::File(path.to_owned(), fault)
}

/// What a database said, with its name.
pub(super) fn sql_at(path: &Path) -> impl FnOnce(sqlx::Error) -> Fault {
    move |fault| Fault::Sql(path.to_owned(), fault)
}
