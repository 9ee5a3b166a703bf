//! What a database failure means to a caller.

use sqlx::Error as SqlError;

use super::watch::Gone;
use crate::models::error::{Error, Status};

/// MySQL/MariaDB codes that mean "the server is away, full or shutting down".
const MYSQL_AWAY: &[u16] = &[
    1040, 1041, 1053, 1077, 1203, 1290, 1836, 1927, 1969, 2006, 2013, 4031,
];
const MYSQL_DEADLOCK: u16 = 1213;
const MYSQL_LOCK_WAIT: u16 = 1205;
const MYSQL_NO_RIGHTS: u16 = 1044;
const MYSQL_NO_LOGIN: u16 = 1045;
const MYSQL_NO_DATABASE: u16 = 1049;
/// `idle_transaction_timeout` killed the connection, or a statement outlived its limit.
const SQLITE_BUSY: i32 = 5;
const SQLITE_LOCKED: i32 = 6;
/// The system's number of "no space left on device", which MySQL's storage engines pass on in their text.
const NO_SPACE: &str = "28";

/// Why a database that answers does not do what it is asked. It ends only when somebody does something about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// No room for what is written.
    DiskFull,
    /// It takes no writes.
    ReadOnly,
    /// The account may not do what it must.
    NoRights,
    /// The account is not let in.
    NoLogin,
    /// The server has no such database.
    NoDatabase,
    /// Its file is gone, or another one.
    Gone,
    /// Tables are missing.
    NoSchema,
    /// It can be neither read nor written.
    Unusable,
}

impl Trouble {
    /// What an error says about the database; nothing where the fault is the caller's, ours, or the line's.
    pub(crate) fn of(error: &SqlError) -> Option<Self> {
        if let SqlError::Configuration(cause) = error
            && cause.is::<Gone>()
        {
            return Some(Self::Gone);
        }
        match database_code(error)? {
            Code::MySql(code) => Self::of_mysql(code, error),
            Code::Sqlite(code) => Self::of_sqlite(code),
        }
    }

    fn of_mysql(code: u16, error: &SqlError) -> Option<Self> {
        match code {
            1021 | 1114 => Some(Self::DiskFull),
            // Another storage engine's error, a temporary file's, a log's: the text holds the system's number.
            1026 | 1030 | 3 | 1598 => {
                let text = error.to_string();
                let mut words = text.split(|c: char| !c.is_ascii_alphanumeric());
                words
                    .any(|word| word == NO_SPACE)
                    .then_some(Self::DiskFull)
                    .or(Some(Self::Unusable))
            }
            1290 | 1792 | 1836 => Some(Self::ReadOnly),
            1044 | 1142 | 1143 | 1227 | 1370 | 1410 => Some(Self::NoRights),
            1045 | 1698 => Some(Self::NoLogin),
            1049 => Some(Self::NoDatabase),
            1146 => Some(Self::NoSchema),
            _ => None,
        }
    }

    /// By the primary result code.
    fn of_sqlite(code: i32) -> Option<Self> {
        match code {
            13 => Some(Self::DiskFull),
            8 => Some(Self::ReadOnly),
            3 | 23 => Some(Self::NoRights),
            10 | 11 | 14 | 26 => Some(Self::Unusable),
            _ => None,
        }
    }

    /// The stable reason that callers are told.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::DiskFull => "DISK_FULL",
            _ => "DATABASE_UNAVAILABLE",
        }
    }

    /// What is wrong, for health and for callers.
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::DiskFull => "the disk of the database is full",
            Self::ReadOnly => "the database takes no writes: it is read-only",
            Self::NoRights => {
                "the database's account lacks a right that it must have: GRANT ALL ON the database"
            }
            Self::NoLogin => {
                "the database does not let the account in: correct user and password in DATABASE_DSN, or make the user"
            }
            Self::NoDatabase => {
                "there is no such database on the server: correct the end of DATABASE_DSN, or make it"
            }
            Self::Gone => {
                "a file of the database was removed or replaced while it was in use; nothing is written any more. \
                 Stop the daemon, put the right file in its place, and start it again"
            }
            Self::NoSchema => "tables of the database are missing",
            Self::Unusable => "the database can be neither read nor written",
        }
    }
}

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        if let Some(database) = error.as_database_error()
            && database.is_unique_violation()
        {
            return Self::already_exists("ALREADY_EXISTS", "There is already one like it.")
                .caused_by(error);
        }
        let advice = advice(&error);
        if let Some(trouble) = Trouble::of(&error) {
            let message = format!("Nothing can be written now: {}.", trouble.why());
            let told = Self::new(Status::Unavailable, trouble.reason(), message);
            return match advice {
                Some(advice) => told.caused_by(format!("{error}; {advice}")),
                None => told.caused_by(error),
            };
        }
        if let Some(advice) = advice {
            return Self::unavailable("database", format!("{error}; {advice}"));
        }
        if is_away(&error) || is_conflict(&error) {
            return Self::unavailable("database", error);
        }
        Self::internal(error)
    }
}

impl Error {
    /// True where the database is in a state that health tells: the log need not say so for each request.
    pub fn is_told_by_health(&self) -> bool {
        self.sql_cause()
            .is_some_and(|cause| Trouble::of(cause).is_some())
    }

    /// True when everything was rolled back, and the same work may succeed when it is run again: a deadlock,
    /// a lock wait, a lost connection. Not when the pool stayed full: the backlog belongs in the broker.
    pub fn is_retriable(&self) -> bool {
        self.sql_cause().is_some_and(|cause| {
            !matches!(cause, SqlError::PoolTimedOut) && (is_conflict(cause) || is_away(cause))
        })
    }
}

/// What to do when the server does not let us in. Its own words name the user and the database.
fn advice(error: &SqlError) -> Option<&'static str> {
    match database_code(error)? {
        Code::MySql(MYSQL_NO_DATABASE) => {
            Some("correct the end of DATABASE_DSN, or make it: CREATE DATABASE")
        }
        Code::MySql(MYSQL_NO_LOGIN) => Some(
            "correct user and password in DATABASE_DSN, or make the user: CREATE USER, GRANT ALL ON",
        ),
        Code::MySql(MYSQL_NO_RIGHTS) => Some("give the user its rights: GRANT ALL ON"),
        _ => None,
    }
}

/// Deadlock, lock wait or a busy file: rolled back and run again, it may succeed.
pub(super) fn is_conflict(error: &SqlError) -> bool {
    match database_code(error) {
        Some(Code::MySql(code)) => code == MYSQL_DEADLOCK || code == MYSQL_LOCK_WAIT,
        Some(Code::Sqlite(code)) => code == SQLITE_BUSY || code == SQLITE_LOCKED,
        None => false,
    }
}

/// The connection is lost or the server cannot serve.
pub(super) fn is_away(error: &SqlError) -> bool {
    match error {
        SqlError::Io(_)
        | SqlError::Tls(_)
        | SqlError::PoolTimedOut
        | SqlError::PoolClosed
        | SqlError::WorkerCrashed
        | SqlError::Protocol(_) => true,
        other => {
            matches!(database_code(other), Some(Code::MySql(code)) if MYSQL_AWAY.contains(&code))
        }
    }
}

enum Code {
    MySql(u16),
    /// The primary result code: the low byte of the extended one.
    Sqlite(i32),
}

fn database_code(error: &SqlError) -> Option<Code> {
    let database = error.as_database_error()?;
    if let Some(mysql) = database.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return Some(Code::MySql(mysql.number()));
    }
    let code = database.code()?.parse::<i32>().ok()?;
    Some(Code::Sqlite(code & 0xff))
}
