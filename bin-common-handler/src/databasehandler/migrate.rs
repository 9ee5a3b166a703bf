//! Numbered changes of the schema, up and down, each manager with its own table of them.

use std::borrow::Cow;

use sqlx::{
    AssertSqlSafe, SqlSafeStr,
    migrate::{Migrate, MigrateError, Migration, Migrator},
};

use super::{Db, Dialect, pool::Conn};
use crate::models::error::Error;

/// What every manager has: outbox, inbox, parked events, its database's identity. Numbers below 1000.
static COMMON_MYSQL: Migrator = sqlx::migrate!("migrations/mysql");
static COMMON_SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");

/// A manager's own migrations, numbered from 1001, one statement a file (MySQL commits DDL by itself).
#[derive(Clone, Copy)]
pub struct Migrations {
    /// What its tables start with.
    pub prefix: &'static str,
    /// For MySQL and MariaDB.
    pub mysql: &'static Migrator,
    /// For SQLite.
    pub sqlite: &'static Migrator,
}

/// One migration and whether it has been applied.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct MigrationState {
    /// Its number.
    pub version: i64,
    /// What it does.
    pub description: String,
    /// True when it stands in the database.
    pub applied: bool,
}

impl Migrations {
    /// Applies what is missing; the number of migrations applied.
    ///
    /// # Errors
    /// 503 when the database is away; 500 when a migration fails or an applied one was edited.
    pub async fn up(&self, db: &Db) -> Result<usize, Error> {
        let (this, db) = (*self, db.clone());
        apart(async move || {
            let before = this.applied(&db).await?.len();
            this.with_connection(&db, async |migrator, conn| match conn {
                Conn::MySql(c) => migrator.run(&mut **c).await,
                Conn::Sqlite(c) => migrator.run(&mut **c).await,
            })
            .await?;
            Ok(this.applied(&db).await?.len().saturating_sub(before))
        })
        .await
    }

    /// Takes back the last `steps` applied migrations; the number taken back.
    ///
    /// # Errors
    /// As [`Self::up`].
    pub async fn down(&self, db: &Db, steps: usize) -> Result<usize, Error> {
        let (this, db) = (*self, db.clone());
        apart(async move || {
            let mut applied = this.applied(&db).await?;
            applied.sort_unstable();
            let keep = applied.len().saturating_sub(steps);
            let target = keep
                .checked_sub(1)
                .and_then(|last| applied.get(last))
                .copied()
                .unwrap_or(0);
            this.with_connection(&db, async |migrator, conn| match conn {
                Conn::MySql(c) => migrator.undo(&mut **c, target).await,
                Conn::Sqlite(c) => migrator.undo(&mut **c, target).await,
            })
            .await?;
            Ok(applied.len() - keep)
        })
        .await
    }

    /// Every migration in order, and whether it is applied.
    ///
    /// # Errors
    /// As [`Self::up`].
    pub async fn status(&self, db: &Db) -> Result<Vec<MigrationState>, Error> {
        let (this, db) = (*self, db.clone());
        apart(async move || {
            let applied = this.applied(&db).await?;
            Ok(this
                .assemble(db.dialect())
                .iter()
                .filter(|migration| migration.migration_type.is_up_migration())
                .map(|migration| MigrationState {
                    version: migration.version,
                    description: migration.description.to_string(),
                    applied: applied.contains(&migration.version),
                })
                .collect())
        })
        .await
    }

    async fn applied(&self, db: &Db) -> Result<Vec<i64>, Error> {
        let table = self.table();
        let rows = self
            .with_connection(db, async |_, conn| match conn {
                Conn::MySql(c) => list_applied(&mut **c, &table).await,
                Conn::Sqlite(c) => list_applied(&mut **c, &table).await,
            })
            .await?;
        Ok(rows)
    }

    async fn with_connection<T>(
        &self,
        db: &Db,
        work: impl AsyncFnOnce(&Migrator, &mut Conn) -> Result<T, MigrateError>,
    ) -> Result<T, Error> {
        let mut conn = db.writer().await?;
        let done = work(&self.assemble(db.dialect()), &mut conn).await;
        // A migration may have left a lock or a setting behind.
        conn.discard();
        done.map_err(|error| match error {
            MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => error.into(),
            other => Error::internal(other),
        })
    }

    fn table(&self) -> String {
        format!("{}_migrations", self.prefix)
    }

    /// Common and own migrations as one list under this manager's names.
    fn assemble(&self, dialect: Dialect) -> Migrator {
        let (common, own) = match dialect {
            Dialect::MySql => (&COMMON_MYSQL, self.mysql),
            Dialect::Sqlite => (&COMMON_SQLITE, self.sqlite),
        };
        let named = common.iter().map(|migration| {
            let sql = migration.sql.as_str().replace("{name}", self.prefix);
            Migration::new(
                migration.version,
                migration.description.clone(),
                migration.migration_type,
                AssertSqlSafe(sql).into_sql_str(),
                migration.no_tx,
            )
        });
        let mut migrator = Migrator::with_migrations(named.chain(own.iter().cloned()).collect());
        migrator.dangerous_set_table_name(Cow::Owned(self.table()));
        migrator
    }
}

/// Runs on a thread of its own: the migrator's futures cannot be proven Send, and DDL may take long.
async fn apart<T: Send + 'static>(
    work: impl AsyncFnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let runtime = tokio::runtime::Handle::current();
    tokio::task::spawn_blocking(move || runtime.block_on(work()))
        .await
        .map_err(Error::internal)?
}

async fn list_applied<C: Migrate>(conn: &mut C, table: &str) -> Result<Vec<i64>, MigrateError> {
    conn.ensure_migrations_table(table).await?;
    Ok(conn
        .list_applied_migrations(table)
        .await?
        .into_iter()
        .map(|migration| migration.version)
        .collect())
}

/// The subcommand `migrate`, for a daemon and for `tandem`.
pub fn command() -> clap::Command {
    use clap::{Arg, Command};
    let name = Arg::new("name")
        .required(true)
        .value_name("NAME")
        .help("What it does, e.g. add_priority");
    let steps = Arg::new("steps")
        .long("steps")
        .value_name("N")
        .default_value("1")
        .value_parser(clap::value_parser!(u32).range(1..))
        .help("How many migrations to take back, newest first");
    let dir = Arg::new("dir")
        .long("dir")
        .value_name("DIR")
        .default_value("migrations")
        .help("The manager's folder of migrations");
    Command::new("migrate")
        .about("Bring the schema up to date, take it back, or see where it stands")
        .subcommand_required(true)
        .arg(
            Arg::new("json")
                .long("json")
                .action(clap::ArgAction::SetTrue)
                .global(true)
                .help("Print JSON"),
        )
        .subcommand(Command::new("up").about("Apply what is missing"))
        .subcommand(
            Command::new("down")
                .about("Take migrations back; adopted tables and their rows stay")
                .arg(steps),
        )
        .subcommand(Command::new("status").about("List every migration and whether it is applied"))
        .subcommand(
            Command::new("create")
                .about("Write empty up and down files for both databases")
                .arg(name)
                .arg(dir),
        )
}

/// Runs `migrate` for some managers.
///
/// # Errors
/// What the database says.
pub async fn run_command(
    config: &crate::config::Config,
    managers: &[crate::daemon::Manager],
    matches: &clap::ArgMatches,
) -> Result<(), Error> {
    if let Some(("create", create)) = matches.subcommand() {
        return create_files(create, matches.get_flag("json"));
    }
    let dsn = config.database().map_err(Error::internal)?;
    if let super::Dsn::Sqlite(path) = &dsn
        && let Some(dir) = path.parent()
    {
        crate::files::make_private_dir(dir).map_err(Error::internal)?;
    }
    let db = Db::new(&dsn, 2).map_err(Error::internal)?;
    let as_json = matches.get_flag("json");
    for manager in managers {
        let said = match matches.subcommand() {
            Some(("up", _)) => {
                let applied = manager.migrations.up(&db).await?;
                serde_json::json!({ "manager": manager.name, "applied": applied })
            }
            Some(("down", down)) => {
                let steps = down.get_one::<u32>("steps").copied().unwrap_or(1) as usize;
                let taken_back = manager.migrations.down(&db, steps).await?;
                serde_json::json!({ "manager": manager.name, "taken_back": taken_back })
            }
            _ => {
                serde_json::json!({ "manager": manager.name, "migrations": manager.migrations.status(&db).await? })
            }
        };
        print_said(&said, as_json);
    }
    Ok(())
}

fn print_said(said: &serde_json::Value, as_json: bool) {
    if as_json {
        println!("{said}");
        return;
    }
    let name = said
        .get("manager")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    if let Some(count) = said.get("applied") {
        println!("{name}: {count} applied");
    } else if let Some(count) = said.get("taken_back") {
        println!("{name}: {count} taken back");
    }
    let states = said.get("migrations").and_then(serde_json::Value::as_array);
    for state in states.into_iter().flatten() {
        let is = |key: &str| {
            state
                .get(key)
                .and_then(serde_json::Value::as_bool)
                .unwrap_or_default()
        };
        let mark = if is("applied") { "applied" } else { "missing" };
        let version = state.get("version").cloned().unwrap_or_default();
        let what = state
            .get("description")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        println!("{name}  {version:>6}  {mark}  {what}");
    }
}

/// Numbered one after the highest there is, the same number for both databases.
fn create_files(matches: &clap::ArgMatches, as_json: bool) -> Result<(), Error> {
    let text = |key: &str| {
        matches
            .get_one::<String>(key)
            .map(String::as_str)
            .unwrap_or_default()
    };
    let name: String = text("name")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let root = std::path::Path::new(text("dir"));
    let mut next = 1001;
    for dialect in ["mysql", "sqlite"] {
        let dir = root.join(dialect);
        std::fs::create_dir_all(&dir).map_err(Error::internal)?;
        for entry in std::fs::read_dir(&dir).map_err(Error::internal)?.flatten() {
            let file = entry.file_name();
            let number = file
                .to_string_lossy()
                .split('_')
                .next()
                .and_then(|n| n.parse::<u32>().ok());
            next = next.max(number.map_or(0, |n| n.saturating_add(1)));
        }
    }
    let mut created = Vec::new();
    for dialect in ["mysql", "sqlite"] {
        for direction in ["up", "down"] {
            let path = root
                .join(dialect)
                .join(format!("{next}_{name}.{direction}.sql"));
            std::fs::File::create_new(&path)
                .and_then(|mut file| std::io::Write::write_all(&mut file, b"-- One statement.\n"))
                .map_err(Error::internal)?;
            created.push(path.display().to_string());
        }
    }
    if as_json {
        println!("{}", serde_json::json!({ "created": created }));
    } else {
        println!("{}", created.join("\n"));
    }
    Ok(())
}
