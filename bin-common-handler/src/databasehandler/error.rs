//! What a database failure means to a caller.

use sqlx::Error as SqlError;

use crate::models::error::Error;

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

impl From<SqlError> for Error {
    fn from(error: SqlError) -> Self {
        if let Some(database) = error.as_database_error()
            && database.is_unique_violation()
        {
            return Self::already_exists("ALREADY_EXISTS", "There is already one like it.")
                .caused_by(error);
        }
        if let Some(advice) = advice(&error) {
            return Self::unavailable("database", format!("{error}; {advice}"));
        }
        if is_away(&error) || is_conflict(&error) {
            return Self::unavailable("database", error);
        }
        Self::internal(error)
    }
}

impl Error {
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
