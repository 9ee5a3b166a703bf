//! A report as a file in DATA_DIR/exports: written whole or not at all, and never over another.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use bin_common_handler::{
    call::Call,
    ids,
    models::error::{Error, Result},
};
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    Asked,
    report::{self, Parameters},
};
use crate::{
    app::App,
    models::{check::wrong, customer::Customer},
    tenancy::{self, Noted},
};

/// Rows of one file.
const ROWS_MAX: usize = 200_000;
/// Files that may lie there; whoever fetches them removes them.
const FILES_MAX: usize = 1_000;
const FOLDER: &str = "exports";

/// Where an export is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Exported {
    pub success: bool,
    /// The file, on the machine that answered.
    pub file: String,
    pub format: &'static str,
    pub rows: usize,
    pub bytes: usize,
}

/// Writes a report into a file of its own.
///
/// # Errors
/// 400 for wrong parameters, 429 when the folder is full, 500 when it cannot be written.
pub(crate) async fn export(
    app: &App,
    call: &Call,
    customer: &Customer,
    sent: &Parameters,
) -> Result<Exported> {
    let asked = report::read(sent, customer, app.store.clock.now(), ROWS_MAX)?;
    let format = match sent.format.as_str() {
        "" | "csv" => "csv",
        "jsonl" => "jsonl",
        _ => return Err(wrong("format", "must be csv or jsonl")),
    };
    let made = report::make(app, customer, &asked).await?;
    let text = if format == "csv" {
        report::csv(&made.rows)
    } else {
        report::jsonl(&made.rows)?
    };
    let path = app
        .data_dir
        .join(FOLDER)
        .join(file_name(&asked, ids::next(), format));
    let exported = Exported {
        success: true,
        file: path.display().to_string(),
        format,
        rows: made.rows.len(),
        bytes: text.len(),
    };
    write_apart(path.clone(), text).await?;
    let noted = note(app, call, customer, &exported).await;
    if noted.is_err() {
        // Nobody will be told of it.
        let _ = fs::remove_file(&path);
    }
    noted.map(|()| exported)
}

/// A name of our own: nothing that a caller sent stands in it but checked dates and words.
fn file_name(asked: &Asked, id: Uuid, format: &str) -> String {
    let group_by = asked.group_by.as_str();
    format!("{group_by}-{}-{}-{id}.{format}", asked.from, asked.to)
}

async fn write_apart(path: PathBuf, text: String) -> Result<()> {
    let written = tokio::task::spawn_blocking(move || write(&path, text.as_bytes())).await;
    written.map_err(Error::internal)?
}

fn write(path: &Path, text: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(Error::internal)?;
    let files = fs::read_dir(folder).map_err(Error::internal)?.count();
    if files >= FILES_MAX {
        return Err(Error::resource_exhausted(
            "EXPORTS_FULL",
            format!("There are {FILES_MAX} exports already; remove some from DATA_DIR/{FOLDER}."),
        ));
    }
    let part = path.with_extension("part");
    let done = write_whole(&part, path, text);
    if done.is_err() {
        let _ = fs::remove_file(&part);
    }
    done.map_err(Error::internal)
}

/// The name of the file is new, so a rename cannot meet another; a link would fail where it did.
fn write_whole(part: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(part)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::hard_link(part, path)?;
    fs::remove_file(part)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

/// The audit log's line, and the reply for a repetition.
async fn note(app: &App, call: &Call, customer: &Customer, exported: &Exported) -> Result<()> {
    let mut tx = app.store.begin(call).await?;
    let noted = Noted {
        customer_id: customer.id,
        action: "exported",
        resource: "analytics",
        resource_id: Uuid::nil(),
        before: json!({}),
        after: json!({"file": exported.file, "rows": exported.rows}),
    };
    tenancy::note(&mut tx, call, noted).await?;
    tx.commit(exported.clone()).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_and_never_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("exports").join("one.csv");
        write(&path, b"a\r\n").unwrap();
        assert!(write(&path, b"b\r\n").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"a\r\n");
        let left: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_full_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for n in 0..FILES_MAX {
            fs::write(dir.path().join(n.to_string()), "").unwrap();
        }
        let full = write(&dir.path().join("one.csv"), b"").unwrap_err();
        assert_eq!(full.reason(), "EXPORTS_FULL");
    }
}
