//! What stands in the database already: an index or a column is made once, and dropped once.
//!
//! MariaDB knows `IF NOT EXISTS` for both, MySQL for neither, SQLite for indexes. Here all three do.

use std::collections::HashSet;

use sqlx::Error as SqlError;

use crate::databasehandler::{Dialect, pool::Conn};

/// Columns and indexes, each under its table.
#[derive(Default)]
pub(super) struct Present {
    columns: HashSet<(String, String)>,
    indexes: HashSet<(String, String)>,
}

impl Present {
    pub(super) async fn read(conn: &mut Conn, dialect: Dialect) -> Result<Self, SqlError> {
        let (columns, indexes) = match dialect {
            Dialect::MySql => (
                "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR) \
                 FROM information_schema.columns WHERE table_schema = DATABASE()",
                "SELECT DISTINCT CAST(table_name AS CHAR), CAST(index_name AS CHAR) \
                 FROM information_schema.statistics WHERE table_schema = DATABASE()",
            ),
            Dialect::Sqlite => (
                "SELECT m.name, c.name FROM sqlite_master m \
                 JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table'",
                "SELECT tbl_name, name FROM sqlite_master WHERE type = 'index'",
            ),
        };
        Ok(Self {
            columns: conn.fetch_all(columns, vec![]).await?.into_iter().collect(),
            indexes: conn.fetch_all(indexes, vec![]).await?.into_iter().collect(),
        })
    }

    pub(super) fn has_table(&self, table: &str) -> bool {
        self.columns.iter().any(|(present, _)| present == table)
    }

    /// What of these statements is still to be done, as the database takes it. MySQL copies a table for some columns:
    /// those that are added or dropped in a row become one statement.
    pub(super) fn missing(&self, statements: &[String], dialect: Dialect) -> Vec<String> {
        let mut missing: Vec<String> = Vec::new();
        let fitted = statements
            .iter()
            .filter_map(|statement| self.fit(statement, dialect));
        for statement in fitted {
            if dialect == Dialect::MySql
                && let Some((table, change)) = column_change(&statement)
                && let Some(last) = missing.last_mut()
                && column_change(last).is_some_and(|(same, _)| same == table)
            {
                last.push_str(",\n");
                last.push_str(change);
            } else {
                missing.push(statement);
            }
        }
        missing
    }

    fn fit(&self, statement: &str, dialect: Dialect) -> Option<String> {
        let words: Vec<&str> = statement.split_whitespace().collect();
        let (is_wanted, all, table, item, condition) = match *words.as_slice() {
            [
                "CREATE",
                "INDEX",
                "IF",
                "NOT",
                "EXISTS",
                index,
                "ON",
                table,
                ..,
            ]
            | [
                "CREATE",
                "UNIQUE",
                "INDEX",
                "IF",
                "NOT",
                "EXISTS",
                index,
                "ON",
                table,
                ..,
            ] => (true, &self.indexes, table, index, "IF NOT EXISTS "),
            ["DROP", "INDEX", "IF", "EXISTS", index, "ON", table] => {
                (false, &self.indexes, table, index, "IF EXISTS ")
            }
            [
                "ALTER",
                "TABLE",
                table,
                "ADD",
                "COLUMN",
                "IF",
                "NOT",
                "EXISTS",
                column,
                ..,
            ] => (true, &self.columns, table, column, "IF NOT EXISTS "),
            [
                "ALTER",
                "TABLE",
                table,
                "DROP",
                "COLUMN",
                "IF",
                "EXISTS",
                column,
            ] => (false, &self.columns, table, column, "IF EXISTS "),
            _ => return Some(statement.to_owned()),
        };
        if all.contains(&(table.to_owned(), item.to_owned())) == is_wanted {
            return None;
        }
        let plain = statement.replacen(condition, "", 1);
        match (dialect, plain.strip_prefix("DROP INDEX ")) {
            // Its indexes have names of their own, whatever their tables are.
            (Dialect::Sqlite, Some(_)) => Some(format!("DROP INDEX {item}")),
            _ => Some(plain),
        }
    }
}

/// The table, and what is done to its columns.
fn column_change(statement: &str) -> Option<(&str, &str)> {
    let (table, change) = statement.strip_prefix("ALTER TABLE ")?.split_once(' ')?;
    let is_column = change.starts_with("ADD COLUMN ") || change.starts_with("DROP COLUMN ");
    is_column.then_some((table, change))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn present() -> Present {
        let pair = |item: &str| ("t".to_owned(), item.to_owned());
        Present {
            columns: [pair("a"), pair("b")].into(),
            indexes: [pair("i"), pair("j")].into(),
        }
    }

    #[rstest]
    #[case::other(&["CREATE TABLE IF NOT EXISTS t (a INT)"], &["CREATE TABLE IF NOT EXISTS t (a INT)"], None)]
    #[case::an_index(&["CREATE INDEX IF NOT EXISTS k ON t (a)"], &["CREATE INDEX k ON t (a)"], None)]
    #[case::a_unique_index(&["CREATE UNIQUE INDEX IF NOT EXISTS k ON t (a)"], &["CREATE UNIQUE INDEX k ON t (a)"], None)]
    #[case::a_known_index(&["CREATE INDEX IF NOT EXISTS i ON t (a)"], &[], None)]
    #[case::a_known_unique_index(&["CREATE UNIQUE INDEX IF NOT EXISTS i ON t (a)"], &[], None)]
    #[case::its_name_elsewhere(&["CREATE INDEX IF NOT EXISTS i ON u (a)"], &["CREATE INDEX i ON u (a)"], None)]
    #[case::named_as_a_column(&["CREATE INDEX IF NOT EXISTS a ON t (a)"], &["CREATE INDEX a ON t (a)"], None)]
    #[case::no_index(&["DROP INDEX IF EXISTS k ON t"], &[], None)]
    #[case::an_index_goes(&["DROP INDEX IF EXISTS i ON t"], &["DROP INDEX i ON t"], Some(&["DROP INDEX i"] as &[_]))]
    #[case::a_known_column(&["ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT"], &[], None)]
    #[case::no_column(&["ALTER TABLE t DROP COLUMN IF EXISTS c"], &[], None)]
    #[case::columns(
        &["ALTER TABLE t ADD COLUMN IF NOT EXISTS c INT", "ALTER TABLE t ADD COLUMN IF NOT EXISTS d\nINT"],
        &["ALTER TABLE t ADD COLUMN c INT,\nADD COLUMN d\nINT"],
        Some(&["ALTER TABLE t ADD COLUMN c INT", "ALTER TABLE t ADD COLUMN d\nINT"] as &[_]))]
    #[case::what_is_left_of_columns(
        &["ALTER TABLE t ADD COLUMN IF NOT EXISTS a INT", "ALTER TABLE t ADD COLUMN IF NOT EXISTS d INT"],
        &["ALTER TABLE t ADD COLUMN d INT"], None)]
    #[case::columns_go(
        &["ALTER TABLE t DROP COLUMN IF EXISTS a", "ALTER TABLE t DROP COLUMN IF EXISTS b"],
        &["ALTER TABLE t DROP COLUMN a,\nDROP COLUMN b"],
        Some(&["ALTER TABLE t DROP COLUMN a", "ALTER TABLE t DROP COLUMN b"] as &[_]))]
    #[case::columns_of_two_tables(
        &["ALTER TABLE t ADD COLUMN IF NOT EXISTS c INT", "ALTER TABLE u ADD COLUMN IF NOT EXISTS c INT"],
        &["ALTER TABLE t ADD COLUMN c INT", "ALTER TABLE u ADD COLUMN c INT"], None)]
    fn what_stands_there_is_left_out(
        #[case] given: &[&str],
        #[case] mysql: &[&str],
        #[case] sqlite: Option<&[&str]>,
    ) {
        let given: Vec<String> = given.iter().copied().map(str::to_owned).collect();
        assert_eq!(present().missing(&given, Dialect::MySql), mysql);
        let sqlite = sqlite.unwrap_or(mysql);
        assert_eq!(present().missing(&given, Dialect::Sqlite), sqlite);
    }
}
