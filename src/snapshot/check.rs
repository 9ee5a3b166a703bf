//! Whether a file is a sound copy of a database of ours, with nothing in it that would harm.

use std::{fs::File, io::Read, path::Path};

use bin_common_handler::databasehandler::Dialect;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tandem::managers;

use super::fault::{Fault, Result, at, sql_at};

/// What every SQLite file begins with.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Checks that a file is a sound copy of a database of ours.
///
/// # Errors
/// Says what is wrong with it.
pub async fn check(file: &Path) -> Result<()> {
    let wrong = |why: String| Fault::Wrong(file.to_owned(), why);
    let mut head = [0; MAGIC.len()];
    File::open(file)
        .and_then(|mut open| open.read_exact(&mut head))
        .map_err(at(file))?;
    if head != *MAGIC {
        return Err(wrong("is no SQLite database".to_owned()));
    }
    // Nobody writes to it: so it is not touched either.
    let options = SqliteConnectOptions::new()
        .filename(file)
        .read_only(true)
        .immutable(true);
    let mut connection = SqliteConnection::connect_with(&options)
        .await
        .map_err(sql_at(file))?;
    let checked = inspect(&mut connection).await;
    connection.close().await.map_err(sql_at(file))?;
    match checked.map_err(sql_at(file))? {
        Some(why) => Err(wrong(why)),
        None => Ok(()),
    }
}

/// What is wrong with a database, if anything.
async fn inspect(
    connection: &mut SqliteConnection,
) -> std::result::Result<Option<String>, sqlx::Error> {
    let faults: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_all(&mut *connection)
        .await?;
    if faults != ["ok"] {
        return Ok(Some(format!("is damaged: {}", faults.join("; "))));
    }
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
            .fetch_all(&mut *connection)
            .await?;
    let code: Vec<(String, String)> = sqlx::query_as(
        "SELECT type, name FROM sqlite_master \
         WHERE type IN ('trigger', 'view') OR sql LIKE 'CREATE VIRTUAL%' LIMIT 1",
    )
    .fetch_all(&mut *connection)
    .await?;
    if let Some((kind, name)) = code.first() {
        let why = format!(
            "holds the {kind} {name:?}, which is none of ours and would act on what is written; take it away first"
        );
        return Ok(Some(why));
    }
    if let Some(why) = odd_objects(connection, &tables).await? {
        return Ok(Some(why));
    }
    let is_ours = managers::ALL
        .iter()
        .any(|manager| tables.contains(&format!("{}_identity", manager.prefix())));
    Ok((!is_ours).then(|| "is a database of something else".to_owned()))
}

/// An index of others on our tables, which may refuse what we write, or a table of ours that is missing although its
/// migration was applied.
async fn odd_objects(
    connection: &mut SqliteConnection,
    tables: &[String],
) -> std::result::Result<Option<String>, sqlx::Error> {
    let indexes: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, tbl_name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    )
    .fetch_all(&mut *connection)
    .await?;
    for manager in managers::ALL {
        let applied = format!("{}_migrations", manager.prefix());
        let count: i64 = if tables.contains(&applied) {
            let sql = format!("SELECT COUNT(*) FROM {applied} WHERE success = TRUE");
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .fetch_one(&mut *connection)
                .await?
        } else {
            0
        };
        let is_whole =
            usize::try_from(count).is_ok_and(|count| count >= manager.migrations.count());
        let ours = manager.migrations.objects(Dialect::Sqlite);
        // An older version's database has what later migrations drop.
        let known = if is_whole {
            ours.clone()
        } else {
            manager.migrations.objects_ever(Dialect::Sqlite)
        };
        let odd = indexes
            .iter()
            .find(|(index, table)| known.contains(table) && !known.contains(index));
        if let Some((index, table)) = odd {
            return Ok(Some(format!(
                "has the index {index:?} on {table}, which is none of ours and may refuse what is written; drop it first"
            )));
        }
        let is_there =
            |name: &String| tables.contains(name) || indexes.iter().any(|(index, _)| index == name);
        if is_whole && let Some(missing) = ours.iter().find(|name| !is_there(name)) {
            return Ok(Some(format!(
                "lacks {missing}, which {} needs",
                manager.name
            )));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use bin_common_handler::databasehandler::{Db, Dsn};

    use super::*;

    #[tokio::test]
    async fn a_copy_that_lacks_or_has_what_would_harm_is_refused() {
        for (sql, why) in [
            ("DROP TABLE did_dids", Some("lacks did_dids")),
            ("DROP TABLE outdial_outbox", Some("lacks outdial_outbox")),
            (
                "DROP INDEX did_dids_by_time",
                Some("lacks did_dids_by_time"),
            ),
            (
                "CREATE UNIQUE INDEX ii ON did_dids (status)",
                Some("has the index \"ii\" on did_dids"),
            ),
            ("CREATE TABLE notes (a INTEGER)", None),
            ("DELETE FROM did_migrations WHERE version = 1020", None),
            (
                "CREATE UNIQUE INDEX chat_messages_seq ON chat_messages (conversation_id, seq)",
                Some("has the index \"chat_messages_seq\""),
            ),
            // As the version before 1310 left it.
            (
                "CREATE UNIQUE INDEX chat_messages_seq ON chat_messages (conversation_id, seq); \
                 DELETE FROM chat_migrations WHERE version >= 1310",
                None,
            ),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("copy.db");
            let db = Db::new(&Dsn::Sqlite(path.clone()), 1).unwrap();
            for manager in managers::ALL {
                manager.migrations.up(&db).await.unwrap();
            }
            for sql in sql.split("; ").chain(["PRAGMA wal_checkpoint(TRUNCATE)"]) {
                db.execute(sql, vec![]).await.unwrap();
            }
            let said = check(&path).await.map_err(|fault| fault.to_string());
            match why {
                None => assert_eq!(said, Ok(()), "{sql}"),
                Some(why) => assert!(
                    said.clone().is_err_and(|said| said.contains(why)),
                    "{sql}: {said:?}"
                ),
            }
        }
    }
}
