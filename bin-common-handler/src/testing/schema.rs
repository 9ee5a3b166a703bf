//! What a manager's migrations make: read back, compared between databases and with entities, and broken off.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use sha2::{Digest as _, Sha256};

use crate::{
    databasehandler::{
        Db, Dialect, Entity,
        migrate::{DOWN, File, Migrations},
    },
    models::{error::Error, text::hex},
};

/// Where a migration is broken off.
const FAILS: &str = "SELECT 1 FROM there_is_no_such_table";

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether it takes NULL.
    pub is_nullable: bool,
    /// Its type, default and so on, in its database's words.
    pub definition: String,
}

/// One index; the primary key's name is `PRIMARY`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Index {
    /// Whether equal keys are refused.
    pub is_unique: bool,
    /// Its columns in order.
    pub columns: Vec<String>,
}

/// One table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// Its indexes by name.
    pub indexes: BTreeMap<String, Index>,
}

/// All tables by name, but those that the migrator keeps for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schema(pub BTreeMap<String, Table>);

const MYSQL: [&str; 2] = [
    "SELECT CAST(table_name AS CHAR), CAST(column_name AS CHAR), \
     CAST(is_nullable = 'YES' AS SIGNED), \
     CAST(CONCAT_WS(' ', column_type, collation_name, column_default, generation_expression, extra) AS CHAR) \
     FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY 1, ordinal_position",
    "SELECT CAST(table_name AS CHAR), CAST(index_name AS CHAR), \
     CAST(non_unique = 0 AS SIGNED), CAST(column_name AS CHAR) \
     FROM information_schema.statistics WHERE table_schema = DATABASE() ORDER BY 1, 2, seq_in_index",
];

const SQLITE: [&str; 2] = [
    "SELECT m.name, c.name, c.\"notnull\" = 0 AND c.pk = 0, \
     c.type || ' ' || COALESCE(c.dflt_value, '') || ' ' || c.hidden \
     FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c \
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY m.name, c.cid",
    "SELECT * FROM (\
     SELECT m.name AS tbl, l.name AS idx, l.\"unique\" AS uniq, COALESCE(i.name, '') AS col, i.seqno AS seq \
     FROM sqlite_master m JOIN pragma_index_list(m.name) l JOIN pragma_index_info(l.name) i \
     WHERE m.type = 'table' AND l.origin = 'c' \
     UNION ALL SELECT m.name, 'PRIMARY', 1, c.name, c.pk \
     FROM sqlite_master m JOIN pragma_table_xinfo(m.name) c WHERE m.type = 'table' AND c.pk > 0) \
     ORDER BY tbl, idx, seq",
];

impl Schema {
    /// Reads what stands in the database.
    pub async fn read(db: &Db) -> Self {
        let [columns, indexes] = match db.dialect() {
            Dialect::MySql => MYSQL,
            Dialect::Sqlite => SQLITE,
        };
        let mut schema = Self::default();
        let rows: Vec<(String, String, i64, String)> =
            db.fetch_all(columns, vec![]).await.expect("columns");
        for (table, name, is_nullable, definition) in rows {
            let table = schema.0.entry(table).or_default();
            table.columns.push(Column {
                name,
                is_nullable: is_nullable == 1,
                definition,
            });
        }
        let rows: Vec<(String, String, i64, String)> =
            db.fetch_all(indexes, vec![]).await.expect("indexes");
        for (table, index, is_unique, column) in rows {
            let table = schema.0.entry(table).or_default();
            let index = table.indexes.entry(index).or_default();
            index.is_unique = is_unique == 1;
            index.columns.push(column);
        }
        schema.0.retain(|name, _| !name.ends_with("_migrations"));
        schema
    }

    /// The same without definitions, which each database writes in its own words.
    #[must_use]
    pub fn in_any_words(mut self) -> Self {
        let tables = self.0.values_mut();
        for column in tables.flat_map(|table| &mut table.columns) {
            column.definition.clear();
        }
        self
    }

    /// What the entity's table has beyond its fields. Panics when it lacks one of them.
    pub fn beyond<E: Entity>(&self) -> Vec<&str> {
        let table = self.0.get(E::TABLE).expect("the entity has a table");
        let names: BTreeSet<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
        let fields: BTreeSet<&str> = E::COLUMNS.iter().copied().collect();
        let lacking: Vec<_> = fields.difference(&names).collect();
        assert!(lacking.is_empty(), "{} lacks {lacking:?}", E::TABLE);
        names.difference(&fields).copied().collect()
    }
}

/// Breaks every migration off after each of its statements, on the way up and on the way down, and goes on from there:
/// the schema must be the same as if nothing had happened. It is complete afterwards.
pub async fn break_off(db: &Db, migrations: Migrations) {
    let files = migrations.files();
    for (at, (name, text)) in files.iter().copied().enumerate() {
        let upto = |text: String| {
            let mut files = files[..at].to_vec();
            files.push((name, text.leak()));
            migrations.with_files(files.leak())
        };
        let whole = upto(text.to_owned());
        let all = migrations.statements(text, db.dialect());
        let ups = 1..=all.up.len();
        let downs = 1..=all.down.len();
        let broken_up = |count| upto(file(&broken(&all.up, count), &all.down));
        let broken_down = |count| upto(file(&all.up, &broken(&all.down, count)));

        done(whole.up(db).await, name);
        let after = Schema::read(db).await;
        done(whole.down(db, 1).await, name);
        for count in ups {
            failed(broken_up(count).up(db).await, name);
        }
        done(whole.up(db).await, name);
        assert_eq!(Schema::read(db).await, after, "{name}");
        for count in downs.clone() {
            failed(broken_down(count).down(db, 1).await, name);
        }
        whole.up(db).await.expect(name);
        assert_eq!(Schema::read(db).await, after, "{name}, up after all");
        failed(broken_down(*downs.end()).down(db, 1).await, name);
        done(whole.down(db, 1).await, name);
        done(whole.up(db).await, name);
        assert_eq!(Schema::read(db).await, after, "{name}, up again");
    }
}

fn done(done: Result<usize, Error>, name: &str) {
    assert_eq!(done.expect(name), 1, "{name}");
}

/// It got as far as it should.
fn failed(done: Result<usize, Error>, name: &str) {
    let fault = done.expect_err(name).to_string();
    assert!(fault.contains("there_is_no_such_table"), "{name}: {fault}");
}

/// The first statements, and one that fails.
fn broken(statements: &[String], count: usize) -> Vec<String> {
    let first = statements.iter().take(count).cloned();
    first.chain([FAILS.to_owned()]).collect()
}

fn file(up: &[String], down: &[String]) -> String {
    format!("{};\n{DOWN}\n{};\n", up.join(";\n"), down.join(";\n"))
}

/// Keeps the checksum of every migration, as `sha256sum` writes it.
const SUMS: &str = "SHA256SUMS";

/// Every file of the folder is part of the program, in its order, each under a number of its own; and none has changed
/// since it came: a database that has run it refuses an edited one, and its daemon waits for ever.
pub fn all_are_listed(dir: &str, files: &[File]) {
    let entries = std::fs::read_dir(dir).expect("a folder of migrations");
    let mut found: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .filter(|name| name != SUMS)
        .collect();
    found.sort();
    let listed: Vec<String> = files
        .iter()
        .map(|(name, _)| format!("{name}.sql"))
        .collect();
    assert_eq!(listed, found);
    let numbers: BTreeSet<&str> = found
        .iter()
        .filter_map(|name| name.split('_').next())
        .collect();
    assert_eq!(numbers.len(), found.len(), "a number twice");

    let sums = std::fs::read_to_string(Path::new(dir).join(SUMS)).expect("the sums");
    let sums: BTreeSet<&str> = sums.lines().collect();
    for (name, text) in files {
        let line = format!("{}  {name}.sql", hex(&Sha256::digest(text)));
        assert!(
            sums.contains(line.as_str()),
            "{dir}/{SUMS} has no line {line:?}. Is the file new? Add the line. Was it released? \
             Take its old text back, and write another migration."
        );
    }
    assert_eq!(sums.len(), files.len(), "{dir}/{SUMS}");
}
