//! Files of exports, a folder for each tenant: written whole or not at all, never over another, read in pages,
//! and removed when they are old or too many.

use std::{
    fs::{self, DirEntry, File},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use bin_common_handler::{
    files,
    models::{
        error::{Error, Result},
        time::Timestamp,
    },
};
use uuid::Uuid;

use crate::models::download::DownloadPage;

/// Files of one tenant; the oldest go first.
pub(super) const FILES_MAX: usize = 20;
/// How long a file is there; its bytes may lie a little longer.
pub(super) const KEPT_FOR: Duration = Duration::from_secs(7 * 86_400);
/// Text of one page, in bytes: with escapes before its quotes it stays under the largest reply.
const PAGE_BYTES: u64 = 256 * 1024;

/// Writes a file, and makes its folder.
///
/// # Errors
/// When the disk says no, or the file is there already.
pub(super) fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    files::make_private_dir(folder_of(path))?;
    let part = path.with_extension("part");
    let done = write_whole(&part, path, text);
    if done.is_err() {
        let _ = fs::remove_file(&part);
    }
    done
}

/// The name of the file is new, so a rename cannot meet another; a link would fail where it did.
fn write_whole(part: &Path, path: &Path, text: &[u8]) -> io::Result<()> {
    let mut file = files::new_private_file(part)?;
    file.write_all(text)?;
    file.sync_all()?;
    fs::hard_link(part, path)?;
    fs::remove_file(part)?;
    File::open(folder_of(path))?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

/// Removes all but the newest files of a tenant.
///
/// # Errors
/// When the folder cannot be read.
pub(super) fn keep_newest(folder: &Path) -> io::Result<()> {
    let mut files = files_in(folder)?;
    files.sort_unstable();
    let surplus = files.len().saturating_sub(FILES_MAX);
    for (_, path) in files.iter().take(surplus) {
        remove(path)?;
    }
    Ok(())
}

/// Removes what is too old at `now` from the folder of exports and those of the tenants in it.
///
/// # Errors
/// When a folder cannot be read, but for one that is not there.
pub(super) fn sweep(exports: &Path, now: Timestamp) -> io::Result<()> {
    let end = now.minus(KEPT_FOR);
    for entry in entries(exports)? {
        if entry.file_type()?.is_dir() {
            sweep_folder(&entry.path(), end)?;
        }
    }
    sweep_folder(exports, end)
}

fn sweep_folder(folder: &Path, end: Timestamp) -> io::Result<()> {
    for (written, path) in files_in(folder)? {
        if written < end {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Each with the time of its last change.
fn files_in(folder: &Path) -> io::Result<Vec<(Timestamp, PathBuf)>> {
    let mut files = Vec::new();
    for entry in entries(folder)? {
        // What another request removes meanwhile is not there any more.
        let Ok(about) = entry.metadata() else {
            continue;
        };
        if about.is_file() {
            files.push((time(&about)?, entry.path()));
        }
    }
    Ok(files)
}

fn entries(folder: &Path) -> io::Result<Vec<DirEntry>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(fault) => Err(fault),
    }
}

fn time(about: &fs::Metadata) -> io::Result<Timestamp> {
    let since_epoch = about.modified()?.duration_since(std::time::UNIX_EPOCH);
    let micros = since_epoch.map_or(0, |elapsed| elapsed.as_micros());
    Ok(Timestamp::from_micros(
        i64::try_from(micros).unwrap_or(i64::MAX),
    ))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault),
        _ => Ok(()),
    }
}

/// Whole lines of the file with the id `id`, from a place in it, in bytes.
///
/// # Errors
/// 404 `EXPORT_NOT_FOUND` when it is not there, or not any more at `now`; 500 when it cannot be read.
pub(super) fn page(folder: &Path, id: Uuid, from: u64, now: Timestamp) -> Result<DownloadPage> {
    let path = find(folder, id, now.minus(KEPT_FOR)).map_err(Error::internal)?;
    let path = path.ok_or_else(not_found)?;
    match read_lines(&path, from) {
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => Err(not_found()),
        read => read.map_err(Error::internal),
    }
}

fn not_found() -> Error {
    let days = KEPT_FOR.as_secs() / 86_400;
    Error::not_found(
        "EXPORT_NOT_FOUND",
        format!(
            "There is no such export here, or not any more: each is kept for {days} days, and of each customer the \
             newest {FILES_MAX}. Export it again."
        ),
    )
}

/// One that was written at `end` or later.
fn find(folder: &Path, id: Uuid, end: Timestamp) -> io::Result<Option<PathBuf>> {
    let ending = format!("-{id}");
    let is_it = |path: &Path| {
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let is_whole = path.extension().is_some_and(|it| it != "part");
        is_whole && stem.is_some_and(|stem| stem.ends_with(&ending))
    };
    let mut files = files_in(folder)?.into_iter();
    let found = files.find(|(written, path)| *written >= end && is_it(path));
    Ok(found.map(|(_, path)| path))
}

fn read_lines(path: &Path, from: u64) -> io::Result<DownloadPage> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(from.min(length)))?;
    let mut bytes = Vec::new();
    file.take(PAGE_BYTES).read_to_end(&mut bytes)?;
    let lines = bytes.iter().rposition(|byte| *byte == b'\n');
    bytes.truncate(lines.map_or(0, |last| last + 1));
    let next = from.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    let is_last = bytes.is_empty() || next >= length;
    Ok(DownloadPage {
        text: String::from_utf8(bytes).map_err(io::Error::other)?,
        next_page_token: if is_last {
            String::new()
        } else {
            next.to_string()
        },
    })
}

#[cfg(test)]
mod tests {
    use std::{fs::FileTimes, os::unix::fs::PermissionsExt};

    use rstest::rstest;
    use tempfile::TempDir;

    use super::*;

    const ID: Uuid = Uuid::from_u128(7);
    /// No file is too old.
    const NOW: Timestamp = Timestamp::from_micros(0);

    fn name(id: Uuid) -> String {
        format!("did-2026-11-01-2026-11-20-{id}.csv")
    }

    /// A file that was written so many seconds after another day began.
    fn file_of(folder: &Path, name: &str, seconds: u64) -> PathBuf {
        let path = folder.join(name);
        write(&path, b"a\n").unwrap();
        let time = std::time::UNIX_EPOCH + Duration::from_secs(seconds);
        let file = File::options().write(true).open(&path).unwrap();
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
        path
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = entries(folder)
            .unwrap()
            .iter()
            .map(|entry| entry.file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_whole_and_never_written_over() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("exports").join("one.csv");
        write(&path, b"a\r\n").unwrap();
        assert!(write(&path, b"b\r\n").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"a\r\n");
        for (path, mode) in [(path.as_path(), 0o600), (path.parent().unwrap(), 0o700)] {
            let is = fs::metadata(path).unwrap().permissions().mode();
            assert_eq!(is & 0o777, mode);
        }
        assert_eq!(names(path.parent().unwrap()), ["one.csv"]);
    }

    #[test]
    fn of_too_many_files_the_oldest_go() {
        let dir = TempDir::new().unwrap();
        for n in 0..FILES_MAX as u64 + 2 {
            // The names' order is not that of the times.
            file_of(dir.path(), &format!("{:02}.csv", 99 - n), 1_000 + n);
        }
        keep_newest(dir.path()).unwrap();
        let left = names(dir.path());
        assert_eq!(left.len(), FILES_MAX);
        assert!(!left.contains(&"99.csv".to_owned()) && !left.contains(&"98.csv".to_owned()));
        keep_newest(dir.path()).unwrap();
        assert_eq!(names(dir.path()), left);
    }

    #[rstest]
    #[case::a_moment_before(0, true)]
    #[case::then(1, false)]
    fn a_file_goes_when_it_is_too_old(#[case] late_micros: i64, #[case] stays: bool) {
        let dir = TempDir::new().unwrap();
        let tenant = dir.path().join("tenant");
        file_of(&tenant, &name(ID), 1_000);
        file_of(&tenant, "new.jsonl", 1_001);
        file_of(dir.path(), "of an earlier version.csv", 1_000);
        let end = 1_000_000_000 + i64::try_from(KEPT_FOR.as_micros()).unwrap();
        let now = Timestamp::from_micros(end + late_micros);
        assert_eq!(page(&tenant, ID, 0, now).is_ok(), stays);
        sweep(dir.path(), now).unwrap();
        assert!(tenant.join("new.jsonl").exists());
        assert_eq!(tenant.join(name(ID)).exists(), stays);
        assert_eq!(dir.path().join("of an earlier version.csv").exists(), stays);
    }

    #[test]
    fn no_folder_is_no_fault() {
        let dir = TempDir::new().unwrap();
        let none = dir.path().join("none");
        sweep(&none, Timestamp::default()).unwrap();
        keep_newest(&none).unwrap();
        assert_eq!(
            page(&none, ID, 0, NOW).unwrap_err().reason(),
            "EXPORT_NOT_FOUND"
        );
    }

    #[test]
    fn pages_are_whole_lines_and_together_the_file() {
        let dir = TempDir::new().unwrap();
        let text: String = (0..40_000)
            .map(|n| format!("{n},+14155550123 é\r\n"))
            .collect();
        write(&dir.path().join(name(ID)), text.as_bytes()).unwrap();
        let (mut read, mut from, mut pages) = (String::new(), 0, 0);
        loop {
            let page = page(dir.path(), ID, from, NOW).unwrap();
            assert!(page.text.ends_with('\n'));
            read.push_str(&page.text);
            pages += 1;
            if page.next_page_token.is_empty() {
                break;
            }
            from = page.next_page_token.parse().unwrap();
        }
        assert!(pages > 2, "{pages}");
        assert_eq!(read, text);
    }

    #[rstest]
    #[case::of_another_id(Uuid::from_u128(8), "csv")]
    #[case::not_whole(ID, "part")]
    fn what_is_not_there_is_not_found(#[case] id: Uuid, #[case] extension: &str) {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join(name(ID)).with_extension(extension);
        fs::write(path, "a\n").unwrap();
        let error = page(dir.path(), id, 0, NOW).unwrap_err();
        assert_eq!(error.reason(), "EXPORT_NOT_FOUND");
    }

    #[test]
    fn beyond_the_end_there_is_nothing() {
        let dir = TempDir::new().unwrap();
        write(&dir.path().join(name(ID)), b"a\n").unwrap();
        let page = page(dir.path(), ID, u64::MAX, NOW).unwrap();
        assert_eq!((page.text.as_str(), &*page.next_page_token), ("", ""));
    }
}
