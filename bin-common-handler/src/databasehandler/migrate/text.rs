//! A migration's file: one text for both databases.
//!
//! - Statements end with `;` at the end of a line. What follows the line `-- down` takes them back.
//! - A line that begins with `-- mysql:` or `-- sqlite:` counts for that database only; other comments for none.
//! - `WORDS` stand for what the two write differently, and `{name}` for the manager's prefix.
//! - Every statement may run again: `IF NOT EXISTS`, `IF EXISTS`, `INSERT IGNORE`. That goes for indexes and columns
//!   on every database, one to a statement, see `present.rs`.

use crate::databasehandler::Dialect;

/// A word in a file, what it is for MySQL, and for SQLite. `exact` compares byte by byte, `varchar` as people do.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "{serial}",
        "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
        "INTEGER PRIMARY KEY AUTOINCREMENT",
    ),
    ("{uuid}", "BINARY(16)", "BLOB"),
    ("{hash16}", "BINARY(16)", "BLOB"),
    ("{hash32}", "BINARY(32)", "BLOB"),
    ("{time}", "DATETIME(6)", "INTEGER"),
    ("{bigint}", "BIGINT", "INTEGER"),
    ("{double}", "DOUBLE", "REAL"),
    ("{json}", "JSON", "TEXT"),
    ("{mediumtext}", "MEDIUMTEXT", "TEXT"),
    ("{mediumblob}", "MEDIUMBLOB", "BLOB"),
    ("{varchar32}", "VARCHAR(32)", "TEXT"),
    ("{varchar64}", "VARCHAR(64)", "TEXT"),
    ("{varchar255}", "VARCHAR(255)", "TEXT"),
    (
        "{exact64}",
        "VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "TEXT",
    ),
    (
        "{exact255}",
        "VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
        "TEXT",
    ),
    ("{table}", "CHARACTER SET utf8mb4", ""),
    (
        "{table_without_rowid}",
        "CHARACTER SET utf8mb4",
        "WITHOUT ROWID",
    ),
];

/// Between what is done and what takes it back.
pub(crate) const DOWN: &str = "-- down";

/// The statements of a file, as one database wants them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Statements {
    /// What the migration does.
    pub up: Vec<String>,
    /// What takes it back.
    pub down: Vec<String>,
}

impl Statements {
    pub(crate) fn read(text: &str, dialect: Dialect, prefix: &str) -> Self {
        let mut text = text.replace("{name}", prefix);
        for (word, mysql, sqlite) in WORDS {
            text = text.replace(
                word,
                match dialect {
                    Dialect::MySql => mysql,
                    Dialect::Sqlite => sqlite,
                },
            );
        }
        let mut lines = text.lines();
        let up = split(
            lines
                .by_ref()
                .take_while(|line| line.trim_end() != DOWN)
                .filter_map(|line| line_for(dialect, line)),
        );
        let down = split(lines.filter_map(|line| line_for(dialect, line)));
        Self { up, down }
    }
}

fn line_for(dialect: Dialect, line: &str) -> Option<&str> {
    let mark = match dialect {
        Dialect::MySql => "-- mysql:",
        Dialect::Sqlite => "-- sqlite:",
    };
    let text = line.trim_start();
    if let Some(own) = text.strip_prefix(mark) {
        return Some(own.trim());
    }
    let is_sql = !text.is_empty() && !text.starts_with("--");
    is_sql.then(|| line.trim_end())
}

fn split<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let (mut statements, mut statement) = (Vec::new(), String::new());
    for line in lines {
        if !statement.is_empty() {
            statement.push('\n');
        }
        let end = line.strip_suffix(';');
        statement.push_str(end.unwrap_or(line));
        if end.is_some() {
            statements.push(std::mem::take(&mut statement).trim_end().to_owned());
        }
    }
    if !statement.is_empty() {
        statements.push(statement);
    }
    statements
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing("", &[], &[])]
    #[case::comments_only("-- Why.\n\n-- down\n-- Nothing.\n", &[], &[])]
    #[case::no_down("A;\n", &["A"], &[])]
    #[case::both_ways("A;\n\n-- down\nB;\n", &["A"], &["B"])]
    #[case::no_end("A\n-- down\nB", &["A"], &["B"])]
    #[case::several_lines("A (\n    b\n) {table};\nC;\n", &["A (\n    b\n) CHARACTER SET utf8mb4", "C"], &[])]
    #[case::a_semicolon_inside("A ';' b;\n", &["A ';' b"], &[])]
    #[case::own_lines("-- mysql: A;\n-- sqlite: B;\n", &["A"], &[])]
    #[case::own_end("A\n    -- sqlite: WHERE b\n;\n", &["A"], &[])]
    #[case::own_middle("A (\n    -- mysql: b {exact64},\n    c\n);\n",
        &["A (\nb VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin,\n    c\n)"], &[])]
    #[case::the_prefix("A {name}_b;\n-- down\nC {name}_b;\n", &["A t_b"], &["C t_b"])]
    #[case::carriage_returns("A;\r\n-- down\r\nB;\r\n", &["A"], &["B"])]
    fn a_file_is_statements_of_mysql(
        #[case] text: &str,
        #[case] up: &[&str],
        #[case] down: &[&str],
    ) {
        let read = Statements::read(text, Dialect::MySql, "t");
        assert_eq!((read.up, read.down), (owned(up), owned(down)));
    }

    #[rstest]
    #[case::own_lines("-- mysql: A;\n-- sqlite: B;\n", &["B"])]
    #[case::own_end("A\n    -- sqlite: WHERE b\n;\n", &["A\nWHERE b"])]
    #[case::no_options("A (\n) {table};\n", &["A (\n)"])]
    #[case::options("A (\n) {table_without_rowid};\n", &["A (\n) WITHOUT ROWID"])]
    #[case::types("A {uuid} {time} {json} {exact64};\n", &["A BLOB INTEGER TEXT TEXT"])]
    fn a_file_is_statements_of_sqlite(#[case] text: &str, #[case] up: &[&str]) {
        let read = Statements::read(text, Dialect::Sqlite, "t");
        assert_eq!(read.up, owned(up));
    }

    fn owned(statements: &[&str]) -> Vec<String> {
        statements.iter().copied().map(str::to_owned).collect()
    }
}
