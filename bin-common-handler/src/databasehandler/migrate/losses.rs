//! What goes when migrations are taken back, told before it is done.

use serde::Serialize;

use super::{Migrations, Session, numbered, present::Present, text::Statements};
use crate::{databasehandler::Db, models::error::Error};

/// Rows of a table are counted up to this many: a large table is not read from end to end for a question.
const ROWS_COUNTED_MAX: i64 = 100_000;

/// An applied migration, and what goes when it is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loss {
    /// Its number.
    pub version: i64,
    /// What it did.
    pub description: String,
    /// Tables that are dropped with all their rows.
    pub tables: Vec<DroppedTable>,
    /// Columns that are dropped, as `table.column`.
    pub columns: Vec<String>,
}

/// A table that is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DroppedTable {
    /// Its name.
    pub table: String,
    /// How many rows it has; nothing where they are more than are counted.
    pub rows: Option<i64>,
}

impl Migrations {
    /// What goes when the last `steps` applied migrations are taken back, newest first. Nothing is changed.
    ///
    /// # Errors
    /// As [`Self::up`].
    pub async fn losses(&self, db: &Db, steps: usize) -> Result<Vec<Loss>, Error> {
        self.session(db, async move |session| session.losses(steps).await)
            .await
    }
}

impl Session {
    async fn losses(&mut self, steps: usize) -> Result<Vec<Loss>, Error> {
        // One that was broken off is taken back, too.
        let sql = format!(
            "SELECT version FROM {} ORDER BY version DESC LIMIT {steps}",
            self.table
        );
        let newest: Vec<(i64,)> = self.conn.fetch_all(&sql, vec![]).await?;
        let present = Present::read(&mut self.conn, self.dialect).await?;
        let migrations = self.migrations;
        let files = migrations.common.iter().chain(migrations.own);
        let mut losses = Vec::new();
        for (name, text) in files.rev() {
            let (version, description) = numbered(name)?;
            if !newest.contains(&(version,)) {
                continue;
            }
            let mut loss = Loss {
                version,
                description,
                tables: Vec::new(),
                columns: Vec::new(),
            };
            for statement in Statements::read(text, self.dialect, migrations.prefix).down {
                let words: Vec<&str> = statement.split_whitespace().collect();
                match *words.as_slice() {
                    ["DROP", "TABLE", "IF", "EXISTS", table] if present.has_table(table) => {
                        let rows = self.count_rows(table).await?;
                        loss.tables.push(DroppedTable {
                            table: table.to_owned(),
                            rows,
                        });
                    }
                    [
                        "ALTER",
                        "TABLE",
                        table,
                        "DROP",
                        "COLUMN",
                        "IF",
                        "EXISTS",
                        column,
                    ] => loss.columns.push(format!("{table}.{column}")),
                    _ => {}
                }
            }
            losses.push(loss);
        }
        Ok(losses)
    }

    async fn count_rows(&mut self, table: &str) -> Result<Option<i64>, Error> {
        let most = ROWS_COUNTED_MAX + 1;
        let sql = format!("SELECT COUNT(*) FROM (SELECT 1 FROM {table} LIMIT {most}) AS counted");
        let rows: Vec<(i64,)> = self.conn.fetch_all(&sql, vec![]).await?;
        let counted = rows.first().map(|(rows,)| *rows);
        Ok(counted.filter(|rows| *rows <= ROWS_COUNTED_MAX))
    }
}
